public import Configuration
public import Hummingbird
public import Waymark
public import WaymarkCommand
public import WaymarkEngine
import WaymarkHTTP

/// The demo application: rides booked by `POST /rides`, charged through Stripe's API, receipts by mail.
public struct RocketRidesApplication: SagaApplication {
    private let payments: StripeGateway
    private let mailer: Mailer

    /// Reads `STRIPE_API_BASE`, `STRIPE_API_KEY` and `MAIL_API_BASE`.
    public init(settings: ConfigReader) throws {
        payments = StripeGateway(
            base: settings.string(forKey: "stripe.api.base", default: "https://api.stripe.com"),
            secretKey: settings.string(forKey: "stripe.api.key", isSecret: true, default: ""))
        mailer = Mailer(base: settings.string(forKey: "mail.api.base", default: "http://127.0.0.1:8025"))
    }

    public var sagas: [any Saga] { [BookRide(payments: payments)] }

    public var schema: String? { String(decoding: PackageResources.schema_sql, as: UTF8.self) }

    public func addJobs(to handlers: inout JobHandlers) throws {
        let mailer = self.mailer
        try handlers.handle(SendReceipt.self) { receipt, delivery in
            try await mailer.send(receipt, id: delivery.id)
        }
    }

    public func addRoutes(to router: Router<BasicRequestContext>, _ server: SagaServer) {
        let postgres = server.postgres
        let door = FrontDoor(server.orchestrator) { try await Rider.authenticated(by: $0, in: postgres) }
        door.addHealth(to: router)
        router.post("rides", saga: BookRide.self, through: door, status: .created) { (route: Route, rider) in
            try RideRequest(route, for: rider)
        }
    }
}

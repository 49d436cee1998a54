public import Configuration
import ForeignServices
import HTTPTypes
public import Hummingbird
public import Waymark
public import WaymarkCommand
import WaymarkEngine
import WaymarkHTTP

/// Shipping an order: several things at a carrier side by side, any of which may be refused, and then all are undone.
///
/// `POST /orders` takes `{"email", "address", "parcels": [{"item", "quantity"}]}` and answers with the carrier's ids. The
/// stock is in `fulfilment.stock`.
///
/// | setting | what |
/// | --- | --- |
/// | `CARRIER_API_BASE`, `CARRIER_API_KEY` | where the carrier is, and its bearer token; the sandbox is one |
/// | `MAIL_API_BASE` | where the mail service is |
public struct FulfilmentApplication: SagaApplication {
    public let sagas: [any Saga]

    public init(settings: ConfigReader) {
        sagas = [ShipOrder(carrier: Carrier(settings: settings), mail: Mail(settings: settings))]
    }

    public var schema: String? { String(decoding: PackageResources.schema_sql, as: UTF8.self) }

    public func addRoutes(to router: Router<BasicRequestContext>, _ server: SagaServer) {
        let door = FrontDoor(server.orchestrator, authenticate: Customer.authenticated)
        router.post("orders", saga: ShipOrder.self, through: door, status: .created) { (order: Order, _) in
            try order.check()
            return order
        }
    }

    private struct Customer: Principal {
        let scope: Scope

        /// THIS IS A DEMO'S AUTHENTICATION, AND NONE AT ALL: it believes whatever name the Authorization header holds.
        static func authenticated(by request: Request) async throws -> Customer? {
            try request.headers[.authorization].map { Customer(scope: try Scope("customer:\($0)")) }
        }
    }
}

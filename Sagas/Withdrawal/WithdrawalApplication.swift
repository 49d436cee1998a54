public import Configuration
public import Hummingbird
public import Waymark
public import WaymarkCommand
public import WaymarkEngine
import WaymarkHTTP

/// The example application for a bank without idempotency keys: `POST /withdrawals`, notices by mail.
public struct WithdrawalApplication: SagaApplication {
    private let bank: Bank
    private let notices: PayoutNotices

    /// Reads `BANK_URL`, `BANK_TOKEN`, `BANK_TIMEOUT_SECONDS`, `BANK_PROCESSING_SECONDS` and `MAIL_API_BASE`.
    public init(settings: ConfigReader) throws {
        bank = Bank(
            base: settings.string(forKey: "bank.url", default: "http://127.0.0.1:4242"),
            token: settings.string(forKey: "bank.token", isSecret: true, default: "test"),
            timeout: .seconds(settings.double(forKey: "bank.timeout.seconds", default: 20)),
            processing: .seconds(settings.double(forKey: "bank.processing.seconds", default: 120)))
        notices = PayoutNotices(base: settings.string(forKey: "mail.api.base", default: "http://127.0.0.1:8025"))
    }

    public var sagas: [any Saga] { [WithdrawFunds(bank: bank)] }

    public var schema: String? { String(decoding: PackageResources.schema_sql, as: UTF8.self) }

    public func addJobs(to handlers: inout JobHandlers) throws {
        let notices = self.notices
        try handlers.handle(SendPayoutNotice.self) { notice, delivery in
            try await notices.send(notice, id: delivery.id)
        }
    }

    public func addRoutes(to router: Router<BasicRequestContext>, _ server: SagaServer) {
        let postgres = server.postgres
        let door = FrontDoor(server.orchestrator) { try await Customer.authenticated(by: $0, in: postgres) }
        router.post("withdrawals", saga: WithdrawFunds.self, through: door, status: .created) {
            (fields: WithdrawalFields, customer) in try WithdrawalRequest(fields, for: customer)
        }
    }
}

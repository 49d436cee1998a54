public import Configuration
import ForeignServices
import HTTPTypes
public import Hummingbird
public import Waymark
public import WaymarkCommand
import WaymarkEngine
import WaymarkHTTP

/// Opening an account: a request that takes weeks, most of which it waits, and holds nothing meanwhile.
///
/// `POST /accounts` files an application. It cools off, has the applicant's identity checked by a saga of its own, and waits
/// for the event `reviewed` (`{"decision": "approved" | "declined", "by": "…"}`); without one it expires.
///
/// | setting | what |
/// | --- | --- |
/// | `BANK_API_BASE`, `CARRIER_API_BASE`, `MAIL_API_BASE` | where the services are; the sandbox is all three |
/// | `BANK_API_KEY`, `CARRIER_API_KEY` | their bearer tokens |
/// | `ONBOARDING_COOLING_OFF_SECONDS` | how long an applicant may think again; 3 days unless set |
/// | `ONBOARDING_REVIEW_SECONDS` | how long to wait for a review; 30 days unless set |
public struct OnboardingApplication: SagaApplication {
    public let sagas: [any Saga]

    public init(settings: ConfigReader) {
        let day = Duration.days(1).components.seconds
        let coolingOff = settings.int(forKey: "onboarding.cooling.off.seconds", default: 3 * Int(day))
        let review = settings.int(forKey: "onboarding.review.seconds", default: 30 * Int(day))
        sagas = [
            OpenAccount(
                carrier: Carrier(settings: settings), coolingOff: .seconds(coolingOff), reviewTime: .seconds(review)),
            CheckIdentity(bank: Bank(settings: settings)),
            SendWelcomePack(mail: Mail(settings: settings)),
        ]
    }

    public var schema: String? { String(decoding: PackageResources.schema_sql, as: UTF8.self) }

    public func addRoutes(to router: Router<BasicRequestContext>, _ server: SagaServer) {
        let door = FrontDoor(server.orchestrator, authenticate: Applicant.authenticated)
        router.post("accounts", saga: OpenAccount.self, through: door, status: .created) {
            (application: AccountApplication, _) in
            try application.check()
            return application
        }
    }

    private struct Applicant: Principal {
        let scope: Scope

        /// THIS IS A DEMO'S AUTHENTICATION, AND NONE AT ALL: it believes whatever name the Authorization header holds.
        static func authenticated(by request: Request) async throws -> Applicant? {
            try request.headers[.authorization].map { Applicant(scope: try Scope("applicant:\($0)")) }
        }
    }
}

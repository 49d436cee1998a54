import Configuration
import Fulfilment
import Hummingbird
import Onboarding
import RocketRides
import Waymark
import WaymarkCommand
import WaymarkEngine
import Withdrawal

/// The examples of `Sagas/`, as one application.
struct Examples: SagaApplication {
    private let applications: [any SagaApplication<BasicRequestContext>]

    init(settings: ConfigReader) throws {
        applications = [
            try RocketRidesApplication(settings: settings), try WithdrawalApplication(settings: settings),
            OnboardingApplication(settings: settings), FulfilmentApplication(settings: settings),
        ]
    }

    var sagas: [any Saga] { applications.flatMap(\.sagas) }

    var schema: String? { applications.compactMap(\.schema).joined(separator: "\n") }

    func addJobs(to handlers: inout JobHandlers) throws {
        for application in applications { try application.addJobs(to: &handlers) }
    }

    func addRoutes(to router: Router<BasicRequestContext>, _ server: SagaServer) {
        for application in applications { application.addRoutes(to: router, server) }
    }
}

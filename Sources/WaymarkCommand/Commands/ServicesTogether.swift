import Logging
import ServiceLifecycle
import Waymark
import WaymarkEngine

/// The services of a process, as one that stops them at the same time.
///
/// A service that does not stop is cancelled after the grace period, and then left behind: the process ends anyway.
struct ServicesTogether: Service, CustomStringConvertible {
    /// A service that ended although nobody asked it to.
    struct EndedUnexpectedly: Error, CustomStringConvertible {
        let service: String
        var description: String { "the service \(service) ended unexpectedly" }
    }

    let services: [any Service]
    let gracePeriod: Duration
    let logger: Logger

    /// How long services take, after the grace period, to give back what they hold.
    private static let givingBack: Duration = .seconds(4)
    /// How long a service that was cancelled has to end.
    private static let windingDown: Duration = .seconds(1)

    /// For the log of a service group.
    var description: String { services.map { "\(type(of: $0))" }.joined(separator: ", ") }

    func run() async throws {
        let work = AbandonableTask()
        let ending = await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await work.run { try await runAll() }
            } onGracefulShutdown: {
                work.cancel(after: gracePeriod + Self.givingBack, thenAbandonAfter: Self.windingDown)
            }
        } onCancel: {
            work.cancel(after: .zero, thenAbandonAfter: Self.givingBack + Self.windingDown)
        }
        switch ending {
        case .returned: break
        case .failed(let error): throw error
        case .abandoned:
            logger.error("the process ends although some of its work does not; leases have to lapse")
        }
    }

    private func runAll() async throws {
        try await withThrowingTaskGroup { group in
            for service in services {
                group.addTask {
                    logger.debug("Starting service", metadata: ["service": "\(type(of: service))"])
                    try await service.run()
                    if Task.isShuttingDownGracefully || Task.isCancelled { return }
                    throw EndedUnexpectedly(service: "\(type(of: service))")
                }
            }
            try await group.waitForAll()
        }
    }
}

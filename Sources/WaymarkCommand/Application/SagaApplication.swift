public import Configuration
public import Hummingbird
public import PostgresPQ
public import Waymark
public import WaymarkEngine

/// What an application gives to get the whole command line: `WaymarkTool<MyApplication>`.
///
/// ```swift
/// import WaymarkCommand
///
/// await WaymarkTool<RocketRidesApplication>.start()
/// ```
public protocol SagaApplication<RouteContext>: Sendable {
    /// The context of the application's routes; that of the router which `addRoutes` takes.
    associatedtype RouteContext: RequestContext = BasicRequestContext
    where RouteContext.Source == ApplicationRequestContextSource

    /// - Parameter settings: the environment; `stripe.api.base` reads `STRIPE_API_BASE`.
    init(settings: ConfigReader) throws

    /// Every saga that its processes can run.
    var sagas: [any Saga] { get }

    /// SQL for the application's own tables, which `migrate` applies after Waymark's, in the same transaction and one process
    /// at a time; must be safe to run again.
    var schema: String? { get }

    /// Registers what hands on the jobs that phases stage.
    func addJobs(to handlers: inout JobHandlers) throws

    /// Adds the application's routes to the orchestrator's HTTP server.
    func addRoutes(to router: Router<RouteContext>, _ server: SagaServer)
}

extension SagaApplication {
    public var schema: String? { nil }
    public func addJobs(to handlers: inout JobHandlers) throws {}
    public func addRoutes(to router: Router<RouteContext>, _ server: SagaServer) {}
}

/// What an application's routes work with.
public struct SagaServer: Sendable {
    public let orchestrator: Orchestrator
    public let postgres: PostgresClient
}

import Foundation
public import Logging
public import PostgresPQ
public import ServiceLifecycle
public import Waymark

/// Takes requests and drives them: the in-process front door.
///
/// ```swift
/// let orchestrator = Orchestrator(postgres: postgres, sagas: try SagaRegistry([BookRide(payments: stripe)]))
/// // in a ServiceGroup beside `postgres`; then, anywhere:
/// let outcome = try await orchestrator.run(
///     BookRide.self, key: IdempotencyKey("0ccb7813"), scope: Scope("user:7"), request: rideRequest)
/// ```
///
/// As a `Service` it renews the leases of the keys that it works on, so it must run wherever steps may take longer than
/// a lease. On graceful shutdown it takes nothing new, finishes the steps at hand within the grace period, and gives
/// back the rest without burning an attempt.
public final class Orchestrator: Service {
    let engine: Engine
    /// A connection of its own: leases are renewed even while every pooled one is taken.
    private let leaseConnection: PostgresClient

    public init(
        postgres: PostgresClient, sagas: SagaRegistry, configuration: EngineConfiguration = .init(),
        logger: Logger = Logger(label: "waymark.orchestrator")
    ) {
        precondition(configuration.lease >= .milliseconds(100), "a lease of less than 100 ms cannot be renewed in time")
        engine = Engine(postgres: postgres, sagas: sagas, configuration: configuration, logger: logger)
        var leasePool = postgres.configuration
        leasePool.maximumConnections = 1
        leasePool.waitTimeout = configuration.lease
        leaseConnection = PostgresClient(configuration: leasePool, logger: logger)
        leaseConnection.requireWrites()
    }

    /// The sagas that this process can run.
    public var sagas: SagaRegistry { engine.registry }

    /// Runs a request to its answer, or says how far it is.
    ///
    /// The first caller with a key executes it; a repeat gets the same answer, for as long as the key is retained. When the
    /// caller goes away the work goes on.
    /// - Parameters:
    ///   - key: what the client calls this operation.
    ///   - scope: who owns the key, from authentication.
    /// - Throws: `WaymarkError` for a request over a limit or that cannot be stored, and when this process is stopping;
    ///   `PostgresError` when the database stays away, and then what was committed goes on without us. Never for a
    ///   failed step.
    public func run<S: Saga>(
        _ saga: S.Type, key: IdempotencyKey, scope: Scope, request: S.Request
    ) async throws -> Outcome<S.Response> {
        try await submit(prepare(saga, request), key: key, scope: scope).outcome { body in
            try JSONCoding.decode(S.Response.self, from: body)
        }
    }

    /// The same under a key that follows from fields of the request, so that no caller can forget one.
    ///
    /// ```swift
    /// let outcome = try await orchestrator.run(
    ///     PlaceOrder.self, idempotencyKey: \.orderID, \.line, scope: scope, request: order)
    /// ```
    /// - Throws: also `WaymarkError` (`invalidKey`) that names the field, for one that is nil or empty.
    public func run<S: Saga, First: IdempotencyKeyPart, each Rest: IdempotencyKeyPart>(
        _ saga: S.Type, idempotencyKey first: KeyPath<S.Request, First>, _ rest: repeat KeyPath<S.Request, each Rest>,
        scope: Scope, request: S.Request
    ) async throws -> Outcome<S.Response> {
        let key = try IdempotencyKey(deriving: request, first, repeat each rest)
        return try await run(saga, key: key, scope: scope, request: request)
    }

    /// Renews leases until the task is cancelled or shut down gracefully.
    public func run() async throws {
        // Detached, so that it does not see the shutdown: leases are renewed until the last step at hand is over.
        let connection = Task.detached { [leaseConnection] in try await leaseConnection.run() }
        defer { connection.cancel() }
        await withTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { await self.renewLeases() }
            group.addTask { await self.watchLeases() }
            // Returns at the shutdown, throws at a cancellation: either way it is time to stop.
            try? await gracefulShutdown()
            await engine.held.stop(gracePeriod: Task.isCancelled ? .zero : engine.configuration.gracePeriod)
        }
    }

    /// Gives up all keys without a word to the database, as a process does that dies: for tests.
    package func abandon() {
        engine.held.loseAll()
    }

    /// Whether the database answers and takes writes, for health checks.
    package func isDatabaseUsable() async -> Bool {
        let postgres = engine.postgres
        let isUsable = try? await withTimeout(Self.healthTimeout) {
            do {
                return try await postgres.takesWrites()
            } catch let error as PostgresError where error.code == .connectionLost {
                // Of a connection that broke while nobody used it, which says nothing about now.
                return try await postgres.takesWrites()
            }
        }
        return isUsable ?? false
    }

    /// Whoever asks for the health of a process wants to know before it routes a request there.
    private static let healthTimeout: Duration = .seconds(2)

    private func watchLeases() async {
        while !Task.isCancelled {
            engine.held.loseLapsed(lease: engine.configuration.lease)
            try? await Task.sleep(for: engine.configuration.lease / 6)
        }
    }

    private func renewLeases() async {
        while !Task.isCancelled {
            do {
                let (held, lease) = (engine.held, engine.configuration.lease)
                try await withTimeout(lease / 3) { [engine, leaseConnection] in
                    try await held.renewOnce(engine.statements, on: leaseConnection, lease: lease)
                }
            } catch {
                engine.logger.warning(
                    "leases could not be renewed", metadata: ["error": .string(Runner.text(of: error))])
            }
            try? await Task.sleep(for: engine.configuration.lease / 6)
        }
    }
}

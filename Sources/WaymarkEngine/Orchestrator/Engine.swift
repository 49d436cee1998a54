import Foundation
import Logging
import PostgresPQ
import Waymark

/// What the orchestrator, the completionist and their runners share.
final class Engine: Sendable {
    let postgres: PostgresClient
    let registry: SagaRegistry
    let configuration: EngineConfiguration
    let statements: KeyStatements
    let held: HeldKeys
    let coalescer: Coalescer
    let reader: KeyReader
    let metrics = EngineMetrics()
    /// Rings when a key that nobody holds is due at once by what this process did: its completionist need not wait for its
    /// next look.
    let dueNow = Bell()
    let logger: Logger

    var clock: EngineClock { configuration.clock }

    init(postgres: PostgresClient, sagas: SagaRegistry, configuration: EngineConfiguration, logger: Logger) {
        self.postgres = postgres
        self.registry = sagas
        self.configuration = configuration
        self.logger = logger
        postgres.requireWrites()
        held = HeldKeys(clock: configuration.clock)
        statements = KeyStatements(
            schema: configuration.schema, holder: configuration.holder, lease: configuration.lease,
            retention: configuration.retention)
        coalescer = Coalescer(configuration.coalescing, on: postgres, statements)
        reader = KeyReader(on: postgres, statements)
    }

    /// Works on a key that was claimed, in a task of its own: whoever waits for it may go away, the work goes on.
    /// - Parameter saga: the key's saga, where it is not one of the registry's.
    func drive(
        _ row: ClaimedRow, claimedAt: ContinuousClock.Instant, as saga: RegisteredSaga? = nil
    ) async -> Conclusion {
        let hold = Hold(id: row.context.id, saga: row.context.saga, fingerprint: nil, clock: clock)
        let conclusion = await work(under: hold) { [self] in
            hold.confirm(fence: row.fence, at: claimedAt)
            do {
                let saga = try saga ?? registry.saga(named: row.context.saga)
                let runner = try Runner(engine: self, saga: saga, claimed: row, at: claimedAt, hold: hold)
                return await runner.run()
            } catch {
                // Neither an unknown saga (we do not claim those) nor a journal we cannot read is mended by trying.
                let update = statements.park(
                    row.context.id, fence: row.fence, at: row.recoveryPoint, reason: .unreadableState,
                    isInDoubt: row.isInDoubt, error: Runner.text(of: error))
                logger.error(
                    "key is parked",
                    metadata: ["key_id": .stringConvertible(row.context.id), "error": .string(Runner.text(of: error))])
                metrics.park()
                switch await postgres.patiently({ try await $0.execute(update) }) {
                case .success: return .parked(.unreadableState)
                case .failure(let error): return .unreachable(error)
                }
            }
        }
        switch conclusion {
        case .stopping, .beingAccepted:
            // Claimed, and then this process began to stop, or was busy with the key: given back without burning an attempt.
            let update = statements.release(
                row.context.id, fence: row.fence, at: row.recoveryPoint, after: .zero,
                attempts: row.attempts - 1, isInDoubt: row.isInDoubt, error: nil)
            _ = await postgres.patiently { postgres in try await postgres.execute(update) }
            dueNow.ring()
        // The key that waits for the answer is due.
        case .answered where row.parentEvent != nil: dueNow.ring()
        case .progress(let progress) where progress.retryAfter <= .zero: dueNow.ring()
        default: break
        }
        return conclusion
    }

    /// Accepts a request within the transaction of the phase that starts it.
    func start(_ started: StartedSaga, scope: Scope, in postgres: PostgresTransaction) async throws {
        // A saga of other processes has its limits there.
        if let saga = try? registry.saga(named: started.saga) {
            try saga.checkRoom(for: started.request.json, configuration.limits)
        }
        let request = try AcceptedRequest(
            saga: started.saga, version: started.version, request: started.request, key: started.key, scope: scope)
        if try await !postgres.query(statements.start(request)).isEmpty { return }
        guard let row = try await postgres.query(statements.observe(request.context.id)).first.map(ObservedRow.init)
        else {
            throw TransientError("the key '\(started.key)' is being accepted right now")
        }
        guard row.scope == scope.description, row.key == started.key.description, row.saga == started.saga,
            request.fingerprint.matches(row.fingerprint)
        else {
            throw WaymarkError(
                .keyTaken, "the key for saga '\(started.saga)' belongs to another request", field: IdempotencyKey.field)
        }
    }

    /// Enters `hold`, runs `body` in a task that it can cancel, and leaves.
    func work(under hold: Hold, _ body: @escaping @Sendable () async -> Conclusion) async -> Conclusion {
        switch held.enter(hold) {
        case .entered: break
        case .stopping: return .stopping
        case .held(let other): return local(other, repeatedBy: hold)
        }
        let conclusion = await hold.conclude(body)
        held.leave(hold)
        return conclusion
    }

    /// The answer to a repeat of what this very process is working on.
    private func local(_ running: Hold, repeatedBy hold: Hold) -> Conclusion {
        guard let asked = hold.fingerprint else {
            // We claimed a key that this process is busy with: its lease has lapsed unnoticed, it was given back just now, or
            // somebody asks for it. The next claim goes on with it.
            running.lose()
            return .beingAccepted
        }
        // Whoever is only finding out about the key knows no more than the row.
        guard running.isConfirmed else { return .beingAccepted }
        if running.saga != hold.saga { return .mismatch(.saga) }
        if let known = running.fingerprint, known != asked { return .mismatch(.request) }
        return .progress(
            SagaProgress(
                cause: .running, recoveryPoint: SagaDeclaration.started, retryAfter: EngineLimits.runningRetryAfter))
    }
}

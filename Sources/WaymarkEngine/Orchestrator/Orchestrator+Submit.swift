import Foundation
import PostgresPQ
package import Waymark

/// What a front door says to a client, with the answer as the JSON that was committed.
package enum Submission: Sendable {
    // Indirect for whoever waits for one: see `Runner`.
    indirect case answered(SubmittedAnswer, replayed: Bool)
    indirect case inProgress(SagaProgress)
    case mismatch(Mismatch)
    case parked(ParkedReason)

    /// The same with the response itself.
    /// - Parameter decode: makes the response of its JSON.
    func outcome<Response>(_ decode: (String) throws -> Response) rethrows -> Outcome<Response> {
        switch self {
        case .answered(let answer, let replayed):
            if let rejection = answer.rejection { return .rejected(rejection, replayed: replayed) }
            return .finished(try decode(answer.body), replayed: replayed)
        case .inProgress(let progress): return .inProgress(progress)
        case .mismatch(let mismatch): return .mismatch(mismatch)
        case .parked(let reason): return .parked(reason)
        }
    }
}

/// A committed answer.
package struct SubmittedAnswer: Sendable {
    /// What the last step returned, or the rejection's body.
    package let body: String
    /// Set where the answer is a rejection.
    package let rejection: Rejection?

    init(_ stored: StoredAnswer) {
        body = stored.body
        rejection = stored.rejection
    }
}

/// A request that was checked against its saga, and is not yet accepted.
package struct PreparedRequest: Sendable {
    let saga: RegisteredSaga
    let request: StepValue
}

extension Orchestrator {
    /// Checks a request that a saga's own type holds.
    /// - Throws: `WaymarkError` for a saga that is not registered or a request over its limit.
    package func prepare<S: Saga>(_ saga: S.Type, _ request: S.Request) throws -> PreparedRequest {
        try prepare(engine.registry.saga(named: S.name), StepValue(encoding: request))
    }

    /// Checks a request that came as JSON.
    /// - Throws: also `DecodingError` when `json` is not what the saga takes.
    package func prepare(saga name: String, _ json: JSONValue) throws -> PreparedRequest {
        let saga = try engine.registry.saga(named: name)
        return try prepare(saga, saga.requestFromJSON(json))
    }

    func prepare(_ saga: RegisteredSaga, _ request: StepValue) throws -> PreparedRequest {
        try saga.checkRoom(for: request.json, engine.configuration.limits)
        return PreparedRequest(saga: saga, request: request)
    }

    /// Runs a request to its answer, or says how far it is: `run` for front doors, with the answer's JSON.
    package func submit(
        _ prepared: consuming PreparedRequest, key: IdempotencyKey, scope: Scope
    ) async throws -> Submission {
        try await submit(prepared, id: KeyIdentity.rowID(scope: scope, key: key), key: key, scope: scope)
    }

    /// - Parameter id: the row's id.
    func submit(
        _ prepared: consuming PreparedRequest, id: UUID, key: IdempotencyKey, scope: Scope
    ) async throws -> Submission {
        try await accept(IncomingRequest(prepared, id: id, key: key, scope: scope))
    }

    /// Reads the key; claims it where it is free; accepts it where there is none. Reads, inserts and reaper interleave, so in
    /// rounds.
    ///
    /// Neither this nor what it calls is inlined: the frames of a caller who waits for hours hold nothing then that is needed
    /// before or after.
    @inline(never)
    private func accept(_ first: IncomingRequest) async throws -> Submission {
        var incoming = first
        for _ in 0..<EngineLimits.acceptRounds {
            if let submission = try await attempt(incoming) { return submission }
            // Another operation in each round: should the key have been ours and be gone by now (reaped, evicted), neither
            // its foreign keys nor its fence may meet those of its successor.
            incoming = incoming.asAnotherOperation()
        }
        throw Self.contended()
    }

    @inline(never)
    private static func contended() -> any Error {
        WaymarkError(.contended, "the key changed hands \(EngineLimits.acceptRounds) times while we looked")
    }

    /// One round.
    @inline(never)
    private func attempt(_ incoming: IncomingRequest) async throws -> Submission? {
        if case .key(let submission) = try await lookUp(incoming) { return submission }
        return try await settle(try await start(incoming), of: incoming)
    }

    /// Accepts the key, and runs it.
    @inline(never)
    private func start(_ incoming: IncomingRequest) async throws -> Conclusion {
        try incoming.checkReading()
        let hold = incoming.hold(clock: engine.clock)
        return await engine.work(under: hold) { [engine] in
            await incoming.runner(on: engine, hold).acceptAndRun(incoming)
        }
    }

    private enum Found {
        /// The key is there: what its client is told, or nil for another round.
        case key(Submission?)
        /// The key is to be accepted.
        case none
    }

    /// Looks for the key.
    ///
    /// Where the database cannot be reached at all nothing is accepted, and the caller is told at once; a connection that broke
    /// is another matter.
    @inline(never)
    private func lookUp(_ incoming: IncomingRequest) async throws -> Found {
        // Whoever is at work on the key in this process knows more.
        if engine.held.isHeld(incoming.id) { return .none }
        let row: ObservedRow?
        do {
            row = try await engine.reader.row(of: incoming.id)
        } catch {
            guard Self.isBrokenConnection(error) else { throw error }
            row = try await read(incoming.id)
        }
        guard let row else { return .none }
        return .key(try await look(at: row, of: incoming))
    }

    @inline(never)
    private static func isBrokenConnection(_ error: any Error) -> Bool {
        (error as? PostgresError)?.code == .connectionLost
    }

    /// Reads a key, waiting for a database that is away.
    @inline(never)
    private func read(_ id: UUID) async throws -> ObservedRow? {
        try await engine.postgres.patiently { [engine] _ in try await engine.reader.row(of: id) }.get()
    }

    /// What a conclusion means to the client; nil asks for another round.
    @inline(never)
    private func settle(_ conclusion: Conclusion, of incoming: IncomingRequest) async throws -> Submission? {
        switch conclusion {
        case .answered(let answer, let replayed): return .answered(SubmittedAnswer(answer), replayed: replayed)
        case .progress(let progress): return .inProgress(progress)
        case .mismatch(let mismatch): return .mismatch(mismatch)
        case .parked(let reason): return .parked(reason)
        case .unreachable(let error): throw error
        case .stopping: throw WaymarkError(.stopping, "this process is stopping; ask again with the same key")
        case .exists, .lost: return try await look(at: incoming)
        case .beingAccepted:
            // What is committed is answered from the row; what is not yet is being worked on.
            return try await look(at: incoming)
                ?? .inProgress(
                    SagaProgress(
                        cause: .running, recoveryPoint: SagaDeclaration.started,
                        retryAfter: EngineLimits.runningRetryAfter))
        }
    }

    /// Answers from the row of a key that somebody else has accepted; claims it where nobody works on it.
    private func look(at incoming: IncomingRequest) async throws -> Submission? {
        guard let row = try await read(incoming.id) else { return nil }
        return try await look(at: row, of: incoming)
    }

    @inline(never)
    private func look(at row: ObservedRow, of incoming: IncomingRequest) async throws -> Submission? {
        let request = incoming.request
        guard row.scope == request.context.scope.description, row.key == request.context.key.description,
            row.saga == request.context.saga
        else { return .mismatch(.saga) }
        if !request.fingerprint.matches(row.fingerprint) { return .mismatch(.request) }
        if row.done, let answer = row.answer { return .answered(SubmittedAnswer(answer), replayed: true) }
        if let reason = row.parkedReason { return .parked(ParkedReason(rawValue: reason) ?? .unreadableState) }
        if row.leased {
            return .inProgress(
                SagaProgress(
                    cause: .running, recoveryPoint: row.recoveryPoint, retryAfter: EngineLimits.runningRetryAfter))
        }
        let wait = Duration.seconds(clamping: max(row.secondsUntilDue ?? 0, 0))
        let accepted = incoming.saga.declaration.accepted
        let isKnown = row.needs.allSatisfy { accepted.contains($0) }
        if wait > .zero || !isKnown {
            if let child = try await parkedChild(of: row, incoming.saga.declaration) {
                return .inProgress(
                    SagaProgress(
                        cause: .blocked, recoveryPoint: row.recoveryPoint, retryAfter: min(wait, row.patience),
                        parkedChild: child))
            }
            return .inProgress(
                SagaProgress(
                    cause: row.isWaiting ? .waiting : .backoff, recoveryPoint: row.recoveryPoint,
                    retryAfter: row.isExpecting ? min(wait, row.patience) : wait))
        }
        return try await claim(incoming, fence: row.fence)
    }

    /// The request of another saga for which this one waits, and which is parked; also one that a child of it waits for.
    @inline(never)
    private func parkedChild(of row: ObservedRow, _ declaration: SagaDeclaration) async throws -> ParkedChild? {
        guard declaration.plan.steps.contains(where: \.isChild) else { return nil }
        var parents = [row.id]
        for _ in 0..<EngineLimits.childLevels where !parents.isEmpty {
            let query = engine.statements.children(of: parents)
            let children = try await engine.postgres.query(query).map(ChildState.init)
            for case let parked? in children.lazy.map(\.parked) { return parked }
            parents = children.filter { !$0.isDone && $0.saga != nil }.map(\.id)
        }
        return nil
    }

    private func claim(_ incoming: IncomingRequest, fence: Int) async throws -> Submission? {
        let claimedAt = engine.clock.now()
        let query = engine.statements.claim(incoming.id, fence: fence)
        let claimed = try await engine.postgres.patiently { try await $0.query(query).first.map(ClaimedRow.init) }.get()
        guard let claimed else { return nil }
        engine.metrics.claim(1)
        let conclusion = await engine.drive(claimed, claimedAt: claimedAt, as: incoming.saga)
        return try await settle(conclusion, of: incoming)
    }
}

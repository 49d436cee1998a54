import PostgresPQ
import Waymark
import WaymarkEngine

/// One database's runs of a matrix.
struct CrashRun<S: Saga>: Sendable {
    let matrix: CrashMatrix<S>
    let stage: CrashStage
    let request: S.Request
    let key: IdempotencyKey
    let scope: Scope

    /// Rounds of other processes that a request may need: more than any saga of a hundred steps has.
    private static var roundsLimit: Int { 300 }

    /// What there was when the request had just been accepted, beside the tables.
    struct Accepted: Sendable {
        let effects: [ForeignWorld.Effect]
    }

    /// Begins with the tables as they were, foreign systems that have done nothing, and a clock that goes right.
    func anew<Result: Sendable>(
        from accepted: Accepted? = nil, _ body: @Sendable (ForeignWorld) async throws -> Result
    ) async throws -> Result {
        try await stage.reset(to: accepted == nil ? .untouched : .accepted)
        try await matrix.prepare?()
        let clock = stage.database.clock
        let world = ForeignWorld(accepted?.effects ?? []) { clock.offset }
        return try await ForeignWorld.$current.withValue(world) { try await body(world) }
    }

    /// The client asks.
    @discardableResult
    func submit(_ orchestrator: Orchestrator) async throws -> Submission {
        try await orchestrator.submit(orchestrator.prepare(S.self, request), key: key, scope: scope)
    }

    var isAccepted: Bool {
        get async throws {
            try await !stage.database.client.query(
                "SELECT FROM waymark.keys WHERE key = \(key.description) AND scope = \(scope.description)"
            ).isEmpty
        }
    }

    /// Does as a completionist whatever comes due, as time goes by, until nothing is left.
    /// - Throws: `CrashMatrixError` when that does not come to an end.
    func complete(_ orchestrator: Orchestrator) async throws {
        let scene = CrashScene(
            orchestrator: orchestrator, key: key, scope: scope, client: stage.database.client,
            clock: stage.database.clock)
        var rounds: [Completionist.Round] = []
        while rounds.count < Self.roundsLimit {
            try await matrix.outside?(scene)
            guard try await stage.database.clock.advanceToNextDue() else { return }
            rounds.append(try await Completionist(orchestrator).runOnce())
        }
        throw try await notFinished(after: rounds)
    }

    /// Other processes see the request through: the client asks again where it was not accepted, a completionist does the
    /// rest.
    /// - Parameter order: the order in which what runs side by side has its turn.
    func finish(_ order: TurnOrder? = nil) async throws {
        try await stage.withBystander(order) { orchestrator in
            if try await !isAccepted { try await submit(orchestrator) }
            try await complete(orchestrator)
        }
    }

    /// What the run has left behind, and what the client is told: twice, by a process that knows nothing.
    func conclude(_ world: ForeignWorld) async throws -> (Observation, answers: [Answer]) {
        let answers = try await stage.withBystander { orchestrator in
            [Answer(try await submit(orchestrator)), Answer(try await submit(orchestrator))]
        }
        let observation = try await Observation(
            state: stage.observe(), answer: answers[0].json, effects: world.described,
            outside: matrix.recorded?() ?? [], names: world.names)
        return (observation, answers)
    }

    /// What a client was told.
    enum Answer: Sendable, Equatable {
        case final(status: Int, body: String)
        case parked(ParkedReason)
        case open

        init(_ submission: Submission) {
            switch submission {
            case .answered(let answer, replayed: _):
                self = .final(status: answer.rejection?.status ?? 200, body: answer.body)
            case .parked(let reason): self = .parked(reason)
            case .inProgress, .mismatch: self = .open
            }
        }

        /// For comparison with another run's.
        var json: String {
            switch self {
            case .final(200, let body): body
            case .final(let status, let body): #"{"rejected": \#(status), "body": \#(body)}"#
            case .parked(let reason): "\"parked: \(reason.rawValue)\""
            case .open: "\"no answer\""
            }
        }
    }
}

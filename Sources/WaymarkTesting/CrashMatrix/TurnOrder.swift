import Synchronization
import Waymark

/// Has calls and phases that run side by side take turns, in an order of one's own: two runs with opposite orders show what
/// depends on the order of arrival.
final class TurnOrder: Sendable {
    enum Direction: Sendable {
        case ascending
        case descending
    }

    private struct Waiting {
        let name: String
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        /// Those that have arrived since the last round began.
        var arrived: [Waiting] = []
        /// Those of this round, whose turn is still to come.
        var round: [Waiting] = []
        var isTaken = false
        /// How many have ever arrived.
        var arrivals = 0
    }

    /// How long nobody else must have arrived before a round begins: longer than a branch takes from its beginning to its
    /// first call. Where it is too short on a busy machine, an order is tried that has been tried before.
    private static let quiet: Duration = .milliseconds(100)

    private let direction: Direction
    private let state = Mutex(State())

    init(_ direction: Direction) { self.direction = direction }

    /// Has every phase that awaits something, and every call, wait for its turn.
    func instrument(_ declaration: SagaDeclaration) -> SagaDeclaration {
        declaration.mappingBodies { name, body in
            switch body {
            case .phase(let run):
                .phase { input, transaction in
                    try await self.turn(of: Self.name(name, input)) { try await run(input, transaction) }
                }
            case .call(let run, let reconcile):
                .call(
                    { input, call in
                        try await self.turn(of: Self.name(name, input)) { try await run(input, call) }
                    }, reconcile: reconcile)
            default: body
            }
        }
    }

    /// A step's name, and what it works on; without ids, which are drawn in each run.
    private static func name(_ step: String, _ input: any Sendable) -> String {
        "\(step) \(input)".replacing(/[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}/, with: "…")
    }

    private func turn<Value>(of name: String, _ body: () async throws -> Value) async throws -> Value {
        await withCheckedContinuation { continuation in
            let arrivals = state.withLock { state in
                state.arrived.append(Waiting(name: name, continuation: continuation))
                state.arrivals += 1
                return state.arrivals
            }
            Task {
                try? await Task.sleep(for: Self.quiet)
                beginRound(unlessMoreThan: arrivals)
            }
        }
        defer { endTurn() }
        return try await body()
    }

    /// Begins a round, unless others have arrived meanwhile, or one is under way.
    private func beginRound(unlessMoreThan arrivals: Int? = nil) {
        let isQuiet = state.withLock { state in
            guard !state.isTaken, state.round.isEmpty, arrivals.map({ $0 == state.arrivals }) ?? true else {
                return false
            }
            state.round = state.arrived.sorted { first, second in
                direction == .ascending ? first.name < second.name : first.name > second.name
            }
            state.arrived = []
            return true
        }
        if isQuiet { next() }
    }

    private func next() {
        state.withLock { state -> Waiting? in
            guard !state.round.isEmpty else { return nil }
            state.isTaken = true
            return state.round.removeFirst()
        }?.continuation.resume()
    }

    private func endTurn() {
        let isRoundOver = state.withLock { state in
            state.isTaken = false
            return state.round.isEmpty
        }
        guard isRoundOver else { return next() }
        Task {
            try? await Task.sleep(for: Self.quiet)
            beginRound()
        }
    }
}

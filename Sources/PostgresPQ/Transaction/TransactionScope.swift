import Synchronization

/// The life of one transaction on its connection: begun lazily, together with its first statement.
final class TransactionScope: Sendable {
    private struct State {
        var isBegun = false
        var isEnded = false
        var openingFailure: PostgresTransactionError?
    }

    /// The connection in whose transaction the current task runs, so that a statement sent around the transaction,
    /// which would wait for ever, can be told from one that may wait.
    @TaskLocal static var currentConnection: Int?

    let id: Int
    /// `BEGIN` and the opening statements.
    let prefix: [Statement]
    private let state = Mutex(State())

    init(id: Int, isolation: PostgresIsolation, opening: [PostgresQuery]) {
        self.id = id
        prefix = [Statement(isolation.begin)] + opening.map { Statement($0) }
    }

    var isBegun: Bool { state.withLock { $0.isBegun } }
    var isEnded: Bool { state.withLock { $0.isEnded } }
    var openingFailure: PostgresTransactionError? { state.withLock { $0.openingFailure } }

    /// The statements to send before the next one: the prefix the first time, nothing afterwards.
    func takePrefix() -> [Statement] {
        state.withLock { state in
            guard !state.isBegun else { return [] }
            state.isBegun = true
            return prefix
        }
    }

    /// No statement is taken any more, but the one that ends the transaction.
    func end() {
        state.withLock { $0.isEnded = true }
    }

    /// Remembers the failure of the prefix's statement of this index.
    func openingFailed(at index: Int, _ error: PostgresError) {
        let stage: PostgresTransactionError.Stage = index == 0 ? .begin : .opening(index - 1)
        state.withLock { state in
            state.openingFailure = state.openingFailure ?? PostgresTransactionError(stage: stage, error: error)
        }
    }
}

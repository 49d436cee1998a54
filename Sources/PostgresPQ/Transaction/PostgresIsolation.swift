/// How far a transaction is kept apart from concurrent ones.
public enum PostgresIsolation: Sendable, Hashable {
    /// Each statement sees what was committed when it began.
    case readCommitted
    /// All statements see what was committed when the first one began; conflicting writes fail with 40001.
    case repeatableRead
    /// As if transactions ran one after another; those for which that is impossible fail with 40001.
    case serializable

    /// The statement that begins such a transaction, whatever the server's default is.
    var begin: PostgresQuery {
        switch self {
        case .readCommitted: "BEGIN ISOLATION LEVEL READ COMMITTED"
        case .repeatableRead: "BEGIN ISOLATION LEVEL REPEATABLE READ"
        case .serializable: "BEGIN ISOLATION LEVEL SERIALIZABLE"
        }
    }
}

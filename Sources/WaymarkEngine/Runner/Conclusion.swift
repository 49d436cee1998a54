import PostgresPQ
import Waymark

/// How working on a key ended, for this process. Cases are indirect for whoever waits for one: see `Runner`.
enum Conclusion: Sendable {
    /// The answer is committed. `replayed` when it was found, not made.
    indirect case answered(StoredAnswer, replayed: Bool)
    indirect case progress(SagaProgress)
    case mismatch(Mismatch)
    case parked(ParkedReason)
    /// Another runner has the key; what became of it is in its row.
    case lost
    /// The key was there before us; nothing of ours was done.
    case exists
    /// This process is busy with the key already: accepting it, or finding out about it, for another caller.
    case beingAccepted
    /// This process takes nothing new.
    case stopping
    /// The database stayed away. What was committed is committed; whoever asks again will be told.
    indirect case unreachable(PostgresError)
}

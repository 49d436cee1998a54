import Foundation

/// A connection's server side.
final class Session {
    var transaction: ModelStore.TransactionID?
    var isClosed = false
    /// Whether the server is at work on what was sent.
    var isExecuting = false
    /// Whether the client has given the connection up, and the server will notice when it is done.
    var isAbandoned = false
    /// Counts what arrives, to tell whether anything arrived since.
    var command = 0
    /// After so long without a word in the middle of a transaction the server ends it.
    let idleTimeout: Microseconds
    /// What the transaction is suspected of: a violation once it commits.
    private var suspicion: String?
    private var staged: [ModelJob.Origin: UUID] = [:]

    init(idleTimeout: Microseconds) { self.idleTimeout = idleTimeout }

    func watch(_ statement: Statement, _ rows: Rows) {
        switch statement {
        case .write(_, let fence, _, _, _), .renew(_, let fence, _):
            // Only parking raises it.
            if let row = rows.keys.first, row.fence != fence, row.parkedReason == nil || row.fence != fence + 1 {
                suspicion = "a holder with fence \(fence) wrote to a key with fence \(row.fence)"
            }
        case .stage(let job) where rows.count > 0:
            staged[job.origin] = job.id
        default: break
        }
    }

    func committed(in world: World) {
        if let suspicion { world.checker.fail(suspicion) }
        for (origin, id) in staged { world.checker.staged(id, origin) }
        forget()
    }

    func forget() {
        suspicion = nil
        staged = [:]
    }

    func waitIdle(in world: World) {
        let last = command
        world.after(idleTimeout) { [self] in
            if command == last, transaction != nil { close(in: world) }
        }
    }

    /// The client is gone: what it has not committed never happened.
    func close(in world: World) {
        isClosed = true
        world.server.rollBack(self)
    }
}

import Foundation
import Waymark

/// What a process does unasked: completionist, reaper, drain.
extension SimulatedProcess {
    private static let claimPause = 900 * .milliseconds
    private static let jobPause = 1_500 * .milliseconds
    private static let reapPause = 3 * .seconds
    /// Small, so that batches fill up.
    private static let claimBatch = 2
    private static let jobBatch = 3
    private static let reapBatch = 2

    private func pause(_ length: Microseconds, _ body: @escaping () -> Void) {
        after(length / 2 + random.below(length), body)
    }

    func pollForDueKeys() {
        pause(Self.claimPause) { [self] in
            if isStopping { return }
            let sentAt = clock
            once(.claimDue(limit: Self.claimBatch, by: name)) { [self] rows in
                for row in rows?.keys ?? [] { drive(row, claimedAt: sentAt) { _ in } }
                pollForDueKeys()
            }
        }
    }

    func pollForExpiredKeys() {
        pause(Self.reapPause) { [self] in
            if isStopping { return }
            once(.reap(limit: Self.reapBatch)) { [self] rows in
                if let count = rows?.count { world.tally.reaped += count }
                pollForExpiredKeys()
            }
        }
    }

    func pollForJobs() {
        pause(Self.jobPause) { [self] in
            if isStopping { return }
            once(.claimJobs(limit: Self.jobBatch)) { [self] rows in
                for job in rows?.jobs ?? [] { deliver(job) }
                pollForJobs()
            }
        }
    }

    /// Sends a statement that the next round sends again; nil when it failed.
    private func once(_ statement: Statement, _ reply: @escaping (Rows?) -> Void) {
        let session = connect()
        send(Server.Batch(statements: [statement]), on: session) { [self] outcome in
            disconnect(session)
            if case .success(let rows) = outcome { reply(rows[0]) } else { reply(nil) }
        }
    }

    private func deliver(_ job: ModelJob) {
        let fault = fault(at: "delivery of job \(job.position)")
        suffer(fault) { [self] in
            let fails = !world.isHealed && random.below(8) == 0
            if !fails {
                // On its way to the receiver it outlives its sender.
                world.after(random.below(20_000)) { [world] in world.checker.delivered(job) }
            }
            after(20_000 + random.below(20_000)) { [self] in
                if fails {
                    query(.retryJob(job.id, fence: job.fence, after: random.below(500_000))) { _ in }
                } else {
                    query(.acknowledge(job.id)) { _ in }
                }
            }
        }
    }
}

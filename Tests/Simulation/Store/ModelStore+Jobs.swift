import Foundation

extension ModelStore {
    mutating func executeOnJobs(_ statement: Statement, in transaction: TransactionID) -> Execution {
        let now = now(transaction)
        switch statement {
        case .stage(let new):
            let job = ModelJob(
                id: new.id, keyID: new.keyID, position: new.position, origin: new.origin, lane: new.lane,
                at: now + new.delay, createdAt: now)
            open[transaction]?.jobs[new.id] = job
            // The primary key: a second row with this id fails the statement.
            return .rows(Rows(count: jobs[new.id] == nil ? 1 : 0))
        case .claimJobs(let limit):
            return .rows(Rows(jobs: claimJobs(limit, at: now)))
        case .acknowledge(let id):
            return .rows(Rows(count: jobs.removeValue(forKey: id) == nil ? 0 : 1))
        case .retryJob(let id, let fence, let delay):
            return .rows(Rows(count: change(id, fence) { $0.runAt = now + delay }))
        case .giveBackJob(let id, let fence, let attempt):
            guard let job = jobs[id], job.attempts == attempt, !job.dead else { return .rows(Rows(count: 0)) }
            return .rows(
                Rows(
                    count: change(id, fence) { job in
                        job.runAt = now
                        job.attempts = attempt - 1
                    }))
        case .bury(let id, let fence):
            return .rows(
                Rows(
                    count: change(id, fence) { job in
                        job.dead = true
                        job.runAt = ModelKey.infinity
                    }))
        default:
            preconditionFailure("a statement on keys")
        }
    }

    /// Of each key and lane only the first that is not delivered. Single statements only: nobody holds a job's lock for longer.
    private mutating func claimJobs(_ limit: Int, at now: Int) -> [ModelJob] {
        let alive = jobs.values.filter { !$0.dead }
        let due = alive.filter { job in
            job.runAt <= now
                && !alive.contains {
                    $0.keyID == job.keyID && $0.lane == job.lane && $0.place < job.place
                }
        }
        let order = due.sorted {
            ($0.runAt, $0.createdAt, $0.position, $0.id.uuidString)
                < ($1.runAt, $1.createdAt, $1.position, $1.id.uuidString)
        }
        return order.prefix(limit).map { job in
            var job = job
            job.fence += 1
            job.attempts += 1
            job.runAt = now + jobLease
            jobs[job.id] = job
            return job
        }
    }

    private mutating func change(_ id: UUID, _ fence: Int, _ body: (inout ModelJob) -> Void) -> Int {
        guard var job = jobs[id], job.fence == fence else { return 0 }
        body(&job)
        jobs[id] = job
        return 1
    }
}

extension ModelJob {
    /// Where it stands in its lane: first what a drain has begun to deliver, then what was due first.
    fileprivate var place: (Int, Int, Int, Int) { (attempts == 0 ? 1 : 0, dueAt, createdAt, position) }
}

extension ModelStore {
    /// Lets time pass: everything that is recorded was so many microseconds earlier.
    package mutating func age(by time: Microseconds) {
        for (id, row) in keys {
            edit(id) { key in
                key.progressedAt = row.progressedAt - time
                key.lockedAt = row.lockedAt.map { $0 - time }
                key.leaseUntil = row.leaseUntil - time
                if row.runAt != ModelKey.infinity { key.runAt = row.runAt - time }
                key.finishedAt = row.finishedAt.map { $0 - time }
                key.expiresAt = row.expiresAt.map { $0 - time }
            }
        }
        for (id, job) in jobs {
            if job.runAt != ModelKey.infinity { jobs[id]?.runAt = job.runAt - time }
            jobs[id]?.dueAt = job.dueAt - time
            jobs[id]?.createdAt = job.createdAt - time
        }
    }
}

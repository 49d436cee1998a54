import Synchronization

extension PostgresConnection {
    /// A job that has been accepted and waits for its answer.
    // Safe to share: it belongs to its connection's jobs, and is touched by the connection only.
    final class RunningJob: @unchecked Sendable {
        let job: Job
        let deliver: @Sendable (JobOutcome) -> Void
        /// The statements as sent, the transaction's prefix in front.
        var sent: [Statement] = []
        var outcomes: [StatementOutcome] = []
        var commitFailure: PostgresError?

        init(_ job: Job, deliver: @escaping @Sendable (JobOutcome) -> Void) {
            self.job = job
            self.deliver = deliver
        }
    }

    /// Runs statements as one job.
    ///
    /// Throws ``PostgresError/Code/encoding``, and ``PostgresError/Code/transactionMisuse`` when `scope` is over or
    /// the task is inside another transaction of this connection.
    nonisolated func run(
        _ queries: [PostgresQuery],
        in scope: TransactionScope? = nil
    ) async throws -> JobOutcome {
        if let scope {
            guard !scope.isEnded else {
                throw PostgresError(.transactionMisuse, "the transaction was used after its closure had returned")
            }
        }
        return await perform(try makeJob(queries, in: scope))
    }

    nonisolated func makeJob(_ queries: [PostgresQuery], in scope: TransactionScope? = nil) throws -> Job {
        let statements = queries.map { Statement($0) }
        for statement in statements { try statement.validate() }
        guard scope != nil || TransactionScope.currentConnection != id else {
            throw PostgresError(.transactionMisuse, "a statement inside a transaction must go through its handle")
        }
        let unit = PipelineStateMachine.Unit(id: flags.takeUnitID(), transaction: scope?.id)
        return Job(unit: unit, statements: statements, scope: scope)
    }

    /// Hands a job over and waits for its outcome.
    ///
    /// - Parameter isShielded: the cancellation of the task is disregarded.
    nonisolated func perform(_ job: Job, isShielded: Bool = false) async -> JobOutcome {
        guard !isShielded else { return await submit(job) }
        return await withTaskCancellationHandler {
            await submit(job)
        } onCancel: {
            job.isCancelled.store(true, ordering: .releasing)
            onLoop { $0.cancel(job) }
        }
    }

    /// Hands jobs over in one go and waits for all of them.
    nonisolated func perform(_ jobs: [Job]) async -> [JobOutcome] {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let collector = OutcomeCollector(count: jobs.count, continuation)
                soon { connection in
                    for (index, job) in jobs.enumerated() {
                        connection.accept(RunningJob(job) { collector.set($0, at: index) })
                    }
                    connection.startWaiting()
                }
            }
        } onCancel: {
            for job in jobs { job.isCancelled.store(true, ordering: .releasing) }
            onLoop { connection in
                for job in jobs { connection.cancel(job) }
            }
        }
    }

    private nonisolated func submit(_ job: Job) async -> JobOutcome {
        await withCheckedContinuation { continuation in
            soon { connection in
                connection.accept(RunningJob(job) { continuation.resume(returning: $0) })
                connection.startWaiting()
            }
        }
    }

    /// Runs `body` on the thread of the connection's event loop, behind what was put there before.
    nonisolated func onLoop(_ body: @escaping @Sendable (isolated PostgresConnection) -> Void) {
        loop.enqueue { self.assumeIsolated(body) }
    }

    /// Runs `body` at once where nothing is before it, else as ``onLoop(_:)`` does.
    private nonisolated func soon(_ body: @escaping @Sendable (isolated PostgresConnection) -> Void) {
        loop.run { self.assumeIsolated(body) }
    }

    private func accept(_ running: RunningJob) {
        if running.job.isCancelled.load(ordering: .acquiring) {
            finish(running, .removed)
        } else if machine.enqueue(running.job.unit) {
            jobs[running.job.unit.id] = running
        } else {
            finish(running, .lost(wire.lossError(nil), isSent: false))
        }
    }

    /// Delivers the outcome of a job that is no longer in ``jobs``.
    func finish(_ running: RunningJob, _ end: JobOutcome.End) {
        let count = running.job.statements.count
        let prefixCount = max(running.sent.count - count, 0)
        var own = running.outcomes.isEmpty ? Array(repeating: .unanswered, count: count) : running.outcomes
        if own.count > count { own.removeFirst(prefixCount) }
        var outcome = JobOutcome(
            statements: own, end: end,
            isCancelled: running.job.isCancelled.load(ordering: .acquiring))
        outcome.otherFailure = running.commitFailure.map { .commit($0) }
        for (index, prefix) in running.outcomes.prefix(prefixCount).enumerated() {
            guard case .failed(let error) = prefix else { continue }
            outcome.otherFailure = .prefix(error)
            if outcome.translated(error).code == .server { running.job.scope?.openingFailed(at: index, error) }
            break
        }
        running.deliver(outcome)
    }
}

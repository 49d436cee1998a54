import Dispatch
import Synchronization

extension PostgresConnection {
    /// A job that has been accepted and waits for its answer.
    struct RunningJob {
        let job: Job
        let deliver: @Sendable (JobOutcome) -> Void
        /// The statements as sent, the transaction's prefix in front.
        var sent: [Statement] = []
        var outcomes: [StatementOutcome] = []
        var commitFailure: PostgresError?
        var isSent = false
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
        return await perform([try makeJob(queries, in: scope)])[0]
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

    /// Hands jobs over in one go and waits for all of them.
    ///
    /// - Parameter isShielded: the cancellation of the task is disregarded.
    nonisolated func perform(_ jobs: [Job], isShielded: Bool = false) async -> [JobOutcome] {
        guard !isShielded else { return await submit(jobs) }
        return await withTaskCancellationHandler {
            await submit(jobs)
        } onCancel: {
            for job in jobs { job.isCancelled.store(true, ordering: .releasing) }
            onQueue { connection in
                for job in jobs { connection.cancel(job) }
            }
        }
    }

    private nonisolated func submit(_ jobs: [Job]) async -> [JobOutcome] {
        if jobs.count == 1 {
            let outcome = await withCheckedContinuation { continuation in
                onQueue { $0.accept(jobs) { _, outcome in continuation.resume(returning: outcome) } }
            }
            return [outcome]
        }
        return await withCheckedContinuation { continuation in
            let collector = OutcomeCollector(count: jobs.count, continuation)
            onQueue { $0.accept(jobs) { index, outcome in collector.set(outcome, at: index) } }
        }
    }

    /// Runs `body` on the connection's queue, behind what was put there before.
    nonisolated func onQueue(_ body: @escaping @Sendable (isolated PostgresConnection) -> Void) {
        executor.queue.async {
            self.assumeIsolated(body)
        }
    }

    private func accept(_ jobs: [Job], deliver: @escaping @Sendable (Int, JobOutcome) -> Void) {
        for (index, job) in jobs.enumerated() {
            let running = RunningJob(job: job) { deliver(index, $0) }
            if job.isCancelled.load(ordering: .acquiring) {
                finish(running, .removed)
            } else if machine.enqueue(job.unit) {
                self.jobs[job.unit.id] = running
            } else {
                finish(running, .lost(wire.lossError(nil), isSent: false))
            }
        }
        startWaiting()
    }

    /// Delivers the outcome of a job that is no longer in ``jobs``.
    func finish(_ running: RunningJob, _ end: JobOutcome.End) {
        let count = running.job.statements.count
        let prefixCount = max(running.sent.count - count, 0)
        let own = running.outcomes.isEmpty ? Array(repeating: .unanswered, count: count) : running.outcomes
        var outcome = JobOutcome(
            statements: running.outcomes.isEmpty ? own : Array(own[prefixCount...]), end: end,
            isCancelled: running.job.isCancelled.load(ordering: .acquiring))
        outcome.commitFailure = running.commitFailure
        for (index, prefix) in running.outcomes.prefix(prefixCount).enumerated() {
            guard case .failed(let error) = prefix else { continue }
            outcome.prefixFailure = error
            if outcome.translated(error).code == .server { running.job.scope?.openingFailed(at: index, error) }
            break
        }
        running.deliver(outcome)
    }
}

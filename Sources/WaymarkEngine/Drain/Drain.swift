public import Logging
public import PostgresPQ
public import ServiceLifecycle
public import Waymark

/// Hands on the jobs that phases staged, and deletes exactly those that were acknowledged.
///
/// At least once: a drain that dies after the delivery and before the deletion leaves the job to be delivered again, with
/// the same id. The jobs of one key are delivered one after the other in the order in which they were staged; one that
/// fails holds up those behind it, until it is delivered or dead. Dead jobs, whose attempts are used up, are kept.
public final class Drain: Service {
    public struct Configuration: Sendable {
        /// Deliveries under way at the same time; no more jobs are taken than are delivered at once, so that none waits out
        /// its lease in a queue.
        public var concurrency = 64
        /// How long a drain may be silent before another takes its jobs; also the timeout of one delivery.
        public var lease: Duration = .seconds(30)
        public var retry: RetryPolicy = .exponential(attempts: 20, base: .milliseconds(500), cap: .minutes(10))
        public var pace = Pace(idle: .milliseconds(250))
        public var schema: SchemaName = .waymark

        public init() {}
    }

    /// What one round did.
    public struct Round: Sendable, Equatable {
        public var claimed = 0
        /// Handed on, acknowledged and deleted.
        public var delivered = 0
        /// Failed, to be delivered again.
        public var retried = 0
        /// Failed for the last time, and kept.
        public var dead = 0
    }

    private let postgres: PostgresClient
    private let handlers: JobHandlers
    private let configuration: Configuration
    private let statements: JobStatements
    private let metrics = EngineMetrics()
    private let logger: Logger

    public init(
        postgres: PostgresClient, handlers: JobHandlers, configuration: Configuration = .init(),
        logger: Logger = Logger(label: "waymark.drain")
    ) {
        self.postgres = postgres
        self.handlers = handlers
        self.configuration = configuration
        self.logger = logger
        statements = JobStatements(
            jobs: "\(configuration.schema).jobs", leaseSeconds: configuration.lease.inSeconds)
    }

    /// Takes up to `concurrency` due jobs, of each key only the first, and delivers them.
    /// - Throws: `PostgresError` when none could be taken.
    public func runOnce() async throws -> Round {
        let claimed = try await postgres.query(
            statements.claimDue(limit: configuration.concurrency, names: handlers.names)
        ).map(ClaimedJob.init)
        var round = Round(claimed: claimed.count)
        await withTaskGroup(of: Ended.self) { group in
            for job in claimed { group.addTask { await self.deliver(job) } }
            var acknowledged: [ClaimedJob] = []
            var isDeleting = false
            for await ended in group {
                switch ended {
                case .acknowledged(let job): acknowledged.append(job)
                case .deleted(let count):
                    isDeleting = false
                    round.delivered += count
                case .retried: round.retried += 1
                case .dead: round.dead += 1
                }
                // Whatever was acknowledged while others were being deleted; a lone one waits for nobody.
                if isDeleting || acknowledged.isEmpty { continue }
                isDeleting = true
                group.addTask { [acknowledged] in await self.delete(acknowledged) }
                acknowledged = []
            }
        }
        return round
    }

    public func run() async throws {
        await configuration.pace.repeatRounds(logger: logger) {
            try await runOnce().claimed > 0
        }
    }

    /// What a part of a round came to.
    private enum Ended: Sendable {
        case acknowledged(ClaimedJob)
        case deleted(Int)
        case retried, dead
    }

    private func deliver(_ job: ClaimedJob) async -> Ended {
        do {
            guard let handler = handlers.byName[job.name] else {
                throw WaymarkError(.unknownName, "no handler for jobs named '\(job.name)'")
            }
            try await withTimeout(configuration.lease) { try await handler(job.payload, job.delivery) }
        } catch {
            return await fail(job, error)
        }
        metrics.deliver()
        return .acknowledged(job)
    }

    /// One statement a job, in one transaction: a single one for all of them would be planned while the statistics are those
    /// of an empty table. In the order of their ids, as another drain does whose lease has lapsed.
    private func delete(_ jobs: [ClaimedJob]) async -> Ended {
        let deletions = jobs.map(\.delivery.id).sorted().map(statements.acknowledge)
        await settle(jobs) { _ = try await $0.pipeline(deletions) }
        return .deleted(jobs.count)
    }

    private func fail(_ job: ClaimedJob, _ error: any Error) async -> Ended {
        metrics.failJob()
        let text = Runner.text(of: error)
        if job.delivery.attempt >= configuration.retry.attempts {
            logger.error(
                "job is dead", metadata: ["job": .string(job.name), "id": .stringConvertible(job.delivery.id)])
            let bury = statements.bury(job.delivery.id, fence: job.fence, error: text)
            await settle([job]) { try await $0.execute(bury) }
            return .dead
        }
        var generator = SystemRandomNumberGenerator()
        let delay = configuration.retry.delay(
            afterAttempt: job.delivery.attempt, retryAfter: (error as? TransientError)?.retryAfter, using: &generator)
        let retry = statements.retry(job.delivery.id, fence: job.fence, after: delay, error: text)
        await settle([job]) { try await $0.execute(retry) }
        return .retried
    }

    /// Writes what became of jobs. When that fails their lease lapses and they are delivered again, which at least once
    /// allows.
    private func settle(_ jobs: [ClaimedJob], _ write: (PostgresClient) async throws -> Void) async {
        guard case .failure(let error) = await postgres.patiently(write) else { return }
        for job in jobs {
            logger.warning(
                "a delivery could not be recorded; it will be repeated",
                metadata: ["id": .stringConvertible(job.delivery.id), "error": .string(Runner.text(of: error))])
        }
    }
}

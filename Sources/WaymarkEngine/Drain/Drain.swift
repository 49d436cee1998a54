public import Logging
public import PostgresPQ
public import ServiceLifecycle
public import Waymark

/// Hands on the jobs that phases staged, and deletes exactly those that were acknowledged.
///
/// At least once: a drain that dies after the delivery and before the deletion leaves the job to be delivered again, with
/// the same id. The jobs of one key and lane (`Job.lane`) are delivered one after the other in the order in which they are
/// due; one that fails holds up those after it, until it is delivered or dead. Dead jobs, whose attempts are used up, are
/// kept.
///
/// A handler that outlives its timeout is cancelled, and one that ignores that is left behind. On graceful shutdown the
/// drain takes nothing new, finishes the deliveries at hand within the grace period, and gives back the rest without
/// burning an attempt.
public final class Drain: Service {
    public struct Configuration: Sendable {
        /// Deliveries under way at the same time; no more jobs are taken than are delivered at once, so that none waits out
        /// its lease in a queue.
        public var concurrency = 64
        /// How long one delivery may take. Another drain takes the jobs of one that is silent for a little longer.
        public var lease: Duration = .seconds(30)
        public var retry: RetryPolicy = .exponential(attempts: 20, base: .milliseconds(500), cap: .minutes(10))
        public var pace = Pace(idle: .milliseconds(250))
        /// How long a stop waits for the deliveries at hand before it cancels them.
        public var gracePeriod: Duration = .seconds(10)
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

        fileprivate mutating func count(_ ending: Ended) {
            switch ending {
            case .delivered: delivered += 1
            case .retried: retried += 1
            case .dead: dead += 1
            case .givenBack: break
            }
        }
    }

    /// What became of a job that was claimed.
    fileprivate enum Ended: Sendable {
        case delivered, retried, dead, givenBack
    }

    private let postgres: PostgresClient
    private let handlers: JobHandlers
    private let configuration: Configuration
    private let statements: JobStatements
    private let deletions: Batches<Deletion>
    private let metrics = EngineMetrics()
    private let logger: Logger

    /// How long places that come free are gathered before one claim fills them, while fewer than one part of them in
    /// `gatheredShare` are free: each claim is a commit of its own.
    private static let gathering: Duration = .milliseconds(5)
    private static let gatheredShare = 4
    /// How long a stop waits, once no handler is waited for any more, for what is still to be recorded.
    private static let recording: Duration = .seconds(1)

    public init(
        postgres: PostgresClient, handlers: JobHandlers, configuration: Configuration = .init(),
        logger: Logger = Logger(label: "waymark.drain")
    ) {
        self.postgres = postgres
        self.handlers = handlers
        self.configuration = configuration
        self.logger = logger
        postgres.requireWrites()
        statements = JobStatements(
            jobs: "\(configuration.schema).jobs",
            // Long enough for a handler to be cancelled, and for its failure to be recorded, before others take the job.
            leaseSeconds: (configuration.lease + Deliveries.windingDown + Self.recording).inSeconds)
        // One after the other: jobs that are acknowledged during a deletion are the next one's.
        deletions = Batches(
            places: 1, mostPlaces: 1, longestWait: Self.gathering, items: max(configuration.concurrency, 1))
    }

    /// Takes up to `concurrency` due jobs, of each key and lane only the first, and delivers them.
    /// - Throws: `PostgresError` when none could be taken.
    public func runOnce() async throws -> Round {
        let claimed = try await claim(limit: configuration.concurrency)
        let deliveries = Deliveries(timeout: configuration.lease)
        // In a task of its own: what becomes of the jobs is recorded also when ours is cancelled.
        let work = Task {
            await withTaskGroup(of: Ended.self) { group in
                for job in claimed { group.addTask { await self.deliver(job, among: deliveries) } }
                return await group.reduce(into: Round(claimed: claimed.count)) { $0.count($1) }
            }
        }
        return await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            deliveries.cutOff()
        }
    }

    /// Claims and delivers until cancelled or shut down gracefully. Claims again as soon as there is room, so one slow
    /// delivery holds up no other.
    public func run() async throws {
        let deliveries = Deliveries(timeout: configuration.lease)
        let bell = Bell()
        let work = AbandonableTask()
        let stop: @Sendable (Duration) -> Void = { gracePeriod in
            deliveries.stop()
            bell.ring()
            _ = Deadlines.shared.add(after: gracePeriod) { deliveries.cutOff() }
            _ = Deadlines.shared.add(after: gracePeriod + Deliveries.windingDown + Self.recording) { work.abandon() }
        }
        let ending = await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await work.run { await self.work(deliveries, bell) }
            } onGracefulShutdown: { [configuration] in
                stop(configuration.gracePeriod)
            }
        } onCancel: {
            stop(.zero)
        }
        if case .abandoned = ending {
            logger.error("jobs could not be given back in time; their leases have to lapse")
        }
    }

    private func work(_ deliveries: Deliveries, _ bell: Bell) async {
        let room = Room(configuration.concurrency)
        let gathered = max(configuration.concurrency / Self.gatheredShare, 1)
        let pace = configuration.pace
        await withDiscardingTaskGroup { group in
            var failures = 0
            while !deliveries.isStopping {
                let limit = await room.free(gathered, within: Self.gathering)
                if deliveries.isStopping { break }
                do {
                    let start = ContinuousClock.now
                    let claimed = try await claim(limit: limit)
                    failures = 0
                    room.take(claimed.count)
                    for job in claimed {
                        group.addTask {
                            _ = await self.deliver(job, among: deliveries)
                            room.give()
                            // The next job of its lane may be waiting for it.
                            bell.ring()
                        }
                    }
                    if claimed.count == limit {
                        await pace.rest(pace.pause(after: .now - start))
                        continue
                    }
                } catch {
                    failures += 1
                    logger.warning("no jobs could be claimed", metadata: ["error": .string(Runner.text(of: error))])
                }
                if !deliveries.isStopping { await bell.rest(pace.pause(failures: failures)) }
            }
        }
    }

    private func claim(limit: Int) async throws -> [ClaimedJob] {
        try await postgres.pipeline([
            KeyStatements.uncompiled, statements.claimDue(limit: limit, names: handlers.names),
        ])[1].map(ClaimedJob.init)
    }

    private func deliver(_ job: ClaimedJob, among deliveries: Deliveries) async -> Ended {
        guard let handler = handlers.byName[job.name] else {
            return await fail(job, WaymarkError(.unknownName, "no handler for jobs named '\(job.name)'"))
        }
        switch await deliveries.run({ try await handler(job.payload, job.delivery) }) {
        case .acknowledged:
            metrics.deliver()
            await withCheckedContinuation { waiter in
                deletions.add(Deletion(job: job, waiter: waiter)) { [self] in await delete($0) }
            }
            return .delivered
        case .failed(let error):
            return await fail(job, error)
        case .leftBehind:
            logger.error(
                "a handler ignores its cancellation and is left behind; it may still be running",
                metadata: ["job": .string(job.name), "id": .stringConvertible(job.delivery.id)])
            return await fail(job, StepTimeout())
        case .cutOff:
            logger.notice(
                "a delivery is cut off by the stop; the job is given back",
                metadata: ["job": .string(job.name), "id": .stringConvertible(job.delivery.id)])
            let giveBack = statements.giveBack(job.delivery.id, fence: job.fence, attempt: job.delivery.attempt)
            await settle([job]) { try await $0.execute(giveBack) }
            return .givenBack
        }
    }

    /// A job that was acknowledged, and the delivery that waits for it to be deleted.
    private struct Deletion: Sendable {
        let job: ClaimedJob
        let waiter: CheckedContinuation<Void, Never>
    }

    /// One statement a job, in one transaction: a single one for all of them would be planned while the statistics are those
    /// of an empty table. In the order of their ids, as another drain does whose lease has lapsed.
    private func delete(_ acknowledged: [Deletion]) async {
        let jobs = acknowledged.map(\.job)
        let deletions = jobs.map(\.delivery.id).sorted().map(statements.acknowledge)
        await settle(jobs) { _ = try await $0.pipeline(deletions) }
        for deletion in acknowledged { deletion.waiter.resume() }
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

public import PostgresPQ
public import Waymark
public import WaymarkEngine

/// Tests a saga by having the process that runs it fail at every place where it can, in every way.
///
/// ```swift
/// let payments = RecordingService("payments")
/// let saga = BookRide(payments: FakePayments(service: payments))
/// let report = try await CrashMatrix(saga, script: schema).run(request)
/// print(report)
/// ```
/// The request is run once undisturbed, and every boundary between the process and the world is counted: each statement
/// on its way to PostgreSQL, each answer on its way back, each call of a foreign system before and after its effect. Then
/// it is run again for every boundary and every fault that can be there: the process dies, or stands still and wakes when
/// others have finished; its connection breaks; the server fails the statement or ends the session; a foreign answer is
/// lost. The faults are done on the wire between the real engine and a real PostgreSQL. All of it is done twice:
/// to the process that accepts the request, and to a completionist that takes it over.
///
/// After each fault other processes, which know nothing of the first, finish the request. Then must be as without a fault:
/// the answer, also when it is asked for again, byte by byte; every table of the application and the staged jobs; what the
/// foreign systems did; the journal. No lease is left, no fence has gone down, nothing has changed after the end.
/// What differs between undisturbed runs, such as ids, times and numbers given in the order of arrival, is not compared,
/// and the report says so.
///
/// One thing is not tried, because nothing on our side can help it: a process that stands still right before it sends a call
/// that is made at most once, for longer than the call's settling time.
///
/// A clock of its own passes leases, backoffs, sleeps and the pauses of foreign services' limits in no time, though never
/// while a process that was stopped has a call under way; `CURRENT_TIMESTAMP` and `clock_timestamp()` in the
/// saga's statements do not go by it, `now()` does.
public struct CrashMatrix<S: Saga>: Sendable {
    /// Which faults are tried.
    public var faults: Set<CrashFault> = Set(CrashFault.allCases)
    /// Reasons for which a request may be parked, which otherwise is a violation: a call that is made at most once may
    /// have an outcome that only a person can find out. Then only what the foreign systems did is compared: nothing beyond
    /// what they were to do.
    public var acceptedParkings: Set<ParkedReason> = []
    /// Databases that are used at the same time. One, where foreign systems are not `RecordingService`s but keep a record
    /// that all runs share.
    public var concurrency = 2

    let saga: S
    let others: [any Saga]
    let script: String?
    var prepare: (@Sendable () async throws -> Void)?
    var outside: (@Sendable (CrashScene) async throws -> Void)?
    var recorded: (@Sendable () async throws -> [String])?
    /// What is sent to the database in place of a statement: for tests that take Waymark's guards away.
    package var rewrite: @Sendable (String) -> String = { $0 }
    /// What processes know of time by themselves.
    package var processClock: @Sendable (TestClock) -> EngineClock = \.engine

    /// - Parameters:
    ///   - saga: what is tested. Foreign systems that it calls are best `RecordingService`s.
    ///   - others: sagas that it starts.
    ///   - script: SQL that makes the application's tables, and what is in them at the beginning.
    public init(_ saga: S, with others: [any Saga] = [], script: String? = nil) {
        self.saga = saga
        self.others = others
        self.script = script
    }

    /// Says what happens outside while a request is under way, such as that an event arrives. Done again and again, so it
    /// must not matter how often.
    public func outside(_ body: @escaping @Sendable (CrashScene) async throws -> Void) -> Self {
        var copy = self
        copy.outside = body
        return copy
    }

    /// Says how to ask foreign systems of one's own what they have done in this run, and how to have them begin anew.
    /// - Parameters:
    ///   - reset: is called before each run.
    ///   - record: gives one line per effect.
    public func recording(
        reset: @escaping @Sendable () async throws -> Void, record: @escaping @Sendable () async throws -> [String]
    ) -> Self {
        var copy = self
        copy.prepare = reset
        copy.recorded = record
        copy.concurrency = 1
        return copy
    }

    /// Runs the matrix, all of it unless there are violations.
    /// - Parameter stopAfter: so many violations end it: a saga that breaks a promise breaks it at many boundaries, and the
    ///   first few tell why. Runs that are under way then are finished.
    /// - Returns: what was tried, all of it without a violation.
    /// - Throws: `CrashViolations` with the report when there was one; `CrashMatrixError` when already an undisturbed run
    ///   does not come to an end; what making databases throws.
    @discardableResult
    public func run(_ request: S.Request, stopAfter: Int = 10) async throws -> CrashReport {
        let report = try await report(request, stopAfter: stopAfter)
        if !report.cells.contains(where: \.isStruck) {
            throw CrashMatrixError(description: "no fault came about")
        }
        if !report.violations.isEmpty { throw CrashViolations(report: report) }
        return report
    }
}

/// Where a matrix's request is under way, for what happens outside.
public struct CrashScene: Sendable {
    public let orchestrator: Orchestrator
    /// The request's key and scope.
    public let key: IdempotencyKey
    public let scope: Scope
    /// The database, on connections that no fault touches.
    public let client: PostgresClient
    /// The clock that everything goes by.
    public let clock: TestClock
}

/// A matrix cannot say anything about its saga.
public struct CrashMatrixError: Error, CustomStringConvertible {
    public let description: String
}

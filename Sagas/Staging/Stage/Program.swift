import Foundation
import Subprocess

#if canImport(System)
import System
#else
import SystemPackage
#endif

/// A process that is killed and started again, with its output in a log file.
///
/// Like any supervisor, it starts a process again that ended because PostgreSQL was away (exit code 69).
actor Program {
    /// sysexits' EX_UNAVAILABLE, which `waymark` ends with when it starts and the database cannot be reached.
    private static let unavailable: Int32 = 69
    /// The pause before such a start.
    private static let pause = Duration.milliseconds(200)
    /// Enough for a minute without PostgreSQL.
    private static let startLimit = 300
    /// How long a process may take to end after SIGTERM: its grace period of 10 s, and a little.
    private static let endPatience = Duration.seconds(15)

    /// What sentences and log files call it.
    nonisolated let name: String
    private let configuration: Subprocess.Configuration
    private let logFile: FilePath
    /// Runs as long as the process is wanted; awaited by whoever ends it.
    private var task: Task<TerminationStatus?, any Error>?
    /// Set from the process's birth until it is reaped.
    private var processID: pid_t?
    /// False from the moment its end is asked for: whatever comes then is no accident.
    private var isWanted = false
    /// Whether it ended by itself since it was started last.
    private var hasFailed = false
    /// How often it ended that nobody had asked for, as sentences.
    private(set) var accidents: [String] = []

    /// - Parameters:
    ///   - environment: on top of our own.
    ///   - logFile: is appended to.
    init(
        name: String, executable: String, arguments: [String], environment: [Environment.Key: String?], logFile: String
    ) {
        self.name = name
        self.logFile = FilePath(logFile)
        var options = PlatformOptions()
        // A group of its own: Ctrl-C in a terminal is for us alone, who then stop the others in order.
        options.processGroupID = 0
        configuration = Subprocess.Configuration(
            executable: .path(FilePath(executable)), arguments: Arguments(arguments),
            environment: .inherit.updating(environment), platformOptions: options)
    }

    /// Whether it runs, or is about to be started again.
    var isRunning: Bool { isWanted && !hasFailed }

    /// Starts it, and returns at once.
    func start() {
        precondition(task == nil, "\(name) runs already")
        isWanted = true
        hasFailed = false
        task = Task { try await supervise() }
    }

    /// Kills it with SIGKILL, and waits until it is gone.
    /// - Returns: Whether there was a process to kill: none while it waits for its next start.
    func kill() async throws -> Bool {
        let wasAlive = processID != nil
        _ = try await end(with: SIGKILL)
        return wasAlive
    }

    /// What stops a process without ending it.
    enum Pause {
        case freeze, thaw
    }

    /// Has it stand still, or go on.
    /// - Returns: Whether there was a process.
    @discardableResult
    func send(_ pause: Pause) -> Bool {
        signal(pause == .freeze ? SIGSTOP : SIGCONT)
        return processID != nil
    }

    /// Asks it to stop with SIGTERM, and waits until it is gone; kills it when it does not go.
    /// - Returns: A complaint, unless it ended with exit code 0.
    func stop() async throws -> String? {
        guard task != nil else { return nil }
        let killer = Task {
            try await Task.sleep(for: Self.endPatience)
            signal(SIGKILL)
        }
        defer { killer.cancel() }
        let status = try await end(with: SIGTERM)
        guard let status, status != .exited(0) else { return nil }
        return "The \(name) ended with \(status) after SIGTERM, not with exit code 0 (\(logFile.string))."
    }

    /// Sends a signal, and waits until it is gone.
    /// - Returns: How it ended; nil when it did not run.
    private func end(with number: Int32) async throws -> TerminationStatus? {
        guard let task else { return nil }
        isWanted = false
        signal(number)
        // One that stands still hears of nothing but SIGKILL.
        signal(SIGCONT)
        defer { self.task = nil }
        return try await task.value
    }

    private func signal(_ number: Int32) {
        // Set as long as the process is not reaped, so the number is still its own.
        if let processID { Foundation.kill(processID, number) }
    }

    /// Runs it, again while PostgreSQL is away.
    /// - Returns: How it ended; nil when it was not running when its end was wished.
    private func supervise() async throws -> TerminationStatus? {
        for _ in 0..<Self.startLimit {
            let status = try await runOnce()
            guard isWanted else { return status }
            guard status == .exited(Self.unavailable) else {
                fail("ended by itself with \(status)")
                return nil
            }
            try await Task.sleep(for: Self.pause)
            guard isWanted else { return nil }
        }
        fail("could not be started in \(Self.startLimit) attempts")
        return nil
    }

    private func fail(_ what: String) {
        hasFailed = true
        accidents.append("The \(name) \(what) (\(logFile.string)).")
    }

    /// Runs it to its end, whoever brings it about.
    private func runOnce() async throws -> TerminationStatus {
        let log = try FileDescriptor.open(
            logFile, .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
        let result = try await Subprocess.run(
            configuration, input: .none, output: .fileDescriptor(log, closeAfterSpawningProcess: true),
            error: .combinedWithOutput
        ) { execution in spawned(execution.processIdentifier.value) }
        processID = nil
        return result.terminationStatus
    }

    private func spawned(_ processID: pid_t) {
        self.processID = processID
        // Its end was wished while it was being born.
        if !isWanted { signal(SIGKILL) }
    }
}

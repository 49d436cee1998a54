import Foundation
public import Subprocess

#if canImport(System)
import System
#else
import SystemPackage
#endif

/// One of the package's executables as a real process, for as long as a test needs it: to be stopped, killed, outlived.
///
/// ```swift
/// let ended = try await TestProcess.with("waymark", ["orchestrator"] + TestProcess.anyPort, database: url) { process in
///     let port = try await process.port()
///     process.send(SIGKILL)
/// }
/// ```
public struct TestProcess: Sendable {
    /// How a process ended, and what it left.
    public struct Ended<Result: Sendable>: Sendable {
        /// What the closure returned.
        public let result: Result
        public let status: TerminationStatus
        /// All it wrote, to standard output and standard error.
        public let log: String
    }

    public let pid: Int32
    private let folder: URL

    /// Runs `executable` for the length of `body`, then asks it to stop with SIGTERM (unless it is gone).
    /// - Parameters:
    ///   - executable: one that was built along with the tests.
    ///   - arguments: `{folder}` in them stands for a fresh folder, which is removed afterwards.
    ///   - database: what it gets as `WAYMARK_DATABASE_URL`; none when empty.
    ///   - settings: what else it gets in its environment.
    ///   - input: what it reads from standard input.
    ///   - openFiles: how many files it may have open, as `ulimit` takes it: `64`, or `-S 1024` where it may raise that.
    public static func with<Result: Sendable>(
        _ executable: String, _ arguments: [String], database: String, settings: [String: String] = [:],
        input: String = "", openFiles: String? = nil, _ body: (TestProcess) async throws -> Result
    ) async throws -> Ended<Result> {
        let folder = FileManager.default.temporaryDirectory.appending(path: "waymark-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = folder.appending(path: "log")
        let output = try FileDescriptor.open(
            FilePath(log.path), .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
        let standardInput = folder.appending(path: "input")
        try Data(input.utf8).write(to: standardInput)
        let source = try FileDescriptor.open(FilePath(standardInput.path), .readOnly)
        var command = [try path(of: executable)] + arguments.map { $0.replacing("{folder}", with: folder.path) }
        if let openFiles { command = ["/bin/sh", "-c", #"ulimit -n \#(openFiles) && exec "$0" "$@""#] + command }
        let ended = try await Subprocess.run(
            .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())),
            environment: .inherit.updating(variables(settings, database: database)),
            input: .fileDescriptor(source, closeAfterSpawningProcess: true),
            output: .fileDescriptor(output, closeAfterSpawningProcess: true), error: .combinedWithOutput
        ) { execution in
            do {
                let process = TestProcess(pid: execution.processIdentifier.value, folder: folder)
                let result = try await body(process)
                try? execution.send(signal: .terminate)
                return result
            } catch {
                try? execution.send(signal: .kill)
                throw error
            }
        }
        return Ended(
            result: ended.closureResult, status: ended.terminationStatus,
            log: (try? String(contentsOf: log, encoding: .utf8)) ?? "")
    }

    /// The arguments that make a server choose its port and write it down.
    public static let anyPort = ["--port", "0", "--port-file", "{folder}/port"]

    /// The port it listens on, once it does.
    public func port() async throws -> Int {
        try await eventually("the process listens") {
            let text = try? String(contentsOf: folder.appending(path: "port"), encoding: .utf8)
            return text.flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
        }
    }

    public var log: String { (try? String(contentsOf: folder.appending(path: "log"), encoding: .utf8)) ?? "" }

    /// Waits until it has ended by itself: a process that is dead and not yet waited for is a zombie, state Z in its stat.
    public func ended() async throws {
        try await eventually("the process ends") {
            guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return true }
            return stat.split(separator: ")").last?.split(separator: " ").first == "Z"
        }
    }

    /// Stops it with SIGSTOP, and waits until every thread of it has stopped: the signal alone is not yet the stop.
    public func suspend() async throws {
        send(SIGSTOP)
        try await eventually("the process has stopped") {
            let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
            return threads.allSatisfy { thread in
                let stat = try? String(contentsOfFile: "/proc/\(pid)/task/\(thread)/stat", encoding: .utf8)
                return stat?.split(separator: ")").last?.split(separator: " ").first == "T"
            }
        }
    }

    public func send(_ signal: Int32) { kill(pid, signal) }

    private static func variables(_ settings: [String: String], database: String) -> [Environment.Key: String?] {
        var variables: [Environment.Key: String?] = ["WAYMARK_DATABASE_URL": database.isEmpty ? nil : database]
        for (name, value) in settings { variables[Environment.Key(stringLiteral: name)] = value }
        return variables
    }

    /// What was built along with the tests: beside their bundle, or above it.
    /// - Parameter product: an executable, or a library's file such as `libRealTimers.so`.
    /// - Throws: `ConditionNotMet` where there is none.
    public static func path(of product: String) throws -> String {
        var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        for _ in 0..<5 {
            let path = folder.appending(path: product).path
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue { return path }
            folder.deleteLastPathComponent()
        }
        throw ConditionNotMet(description: "no \(product) beside \(CommandLine.arguments[0])")
    }
}

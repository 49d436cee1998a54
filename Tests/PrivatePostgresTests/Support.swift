import Foundation
import Logging
import PrivatePostgres
import Subprocess
import Testing

#if canImport(System)
import System
#else
import SystemPackage
#endif

let logger = Logger(label: "PrivatePostgresTests") { StreamLogHandler.standardError(label: $0).quiet }

extension StreamLogHandler {
    /// Warnings alone.
    fileprivate var quiet: StreamLogHandler {
        var handler = self
        handler.logLevel = .warning
        return handler
    }
}

/// Runs one statement through psql.
///
/// - Returns: Its rows, unaligned, without headers.
func query(_ cluster: PrivateCluster, _ sql: String, database: String = "postgres") async throws -> String {
    let arguments = [
        "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, cluster.connectionString(database: database),
    ]
    return try await run("\(cluster.binaryDirectory)/psql", arguments)
}

/// Runs a program that must succeed.
///
/// - Returns: What it printed.
@discardableResult
func run(_ program: String, _ arguments: [String]) async throws -> String {
    let result = try await Subprocess.run(
        .path(FilePath(program)),
        arguments: Arguments(arguments),
        output: .string(limit: 1 << 20),
        error: .combinedWithOutput
    )
    let output = result.standardOutput.trimmingCharacters(in: .whitespacesAndNewlines)
    try #require(result.terminationStatus.isSuccess, "\(program) \(arguments): \(output)")
    return output
}

/// Whether a process is there and has not merely not been reaped.
func isAlive(_ pid: Int32) -> Bool {
    guard kill(pid, 0) == 0 else { return false }
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
    return !text[text.lastIndex(of: ")")!...].hasPrefix(") Z")
}

/// A fresh folder, which anybody may enter and whose name is long enough to test nothing by accident.
func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = NSTemporaryDirectory() + "private postgres tests \(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    chmod(folder, 0o755)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
}

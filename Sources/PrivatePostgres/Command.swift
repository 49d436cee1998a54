import Foundation
import Subprocess

#if canImport(System)
import System
#else
import SystemPackage
#endif

/// Runs PostgreSQL's programs.
enum Command {
    /// More than any of them says.
    private static let outputLimitBytes = 1 << 20
    /// The way to change accounts, part of every Linux distribution's base. Subprocess has options for it, but calls
    /// glibc's `setuid` between `clone3` and `exec`, where it waits for ever for a thread that was just being born in the
    /// parent (seen with 1.0.2; swift-subprocess issue 374 is its sibling). They remain for systems without setpriv.
    private static let setpriv = "/usr/bin/setpriv"

    struct Result: Sendable {
        let succeeded: Bool
        /// Standard output and standard error together.
        let output: String
    }

    /// Runs `program` as `account`, in `/`, speaking English, and waits for its end.
    ///
    /// - Parameters:
    ///   - standardInput: A descriptor to hand on as standard input, closed here afterwards.
    ///   - newSession: Whether the signals of our terminal and process group must not reach it.
    /// - Throws: Subprocess's error when it cannot be started. An exit status is a result.
    static func run(
        _ program: String,
        _ arguments: [String],
        as account: ServerAccount,
        standardInput: Int32? = nil,
        newSession: Bool = false
    ) async throws -> Result {
        var options = PlatformOptions()
        options.createSession = newSession
        var words = [program] + arguments
        if account.isForeign {
            if FileManager.default.isExecutableFile(atPath: setpriv) {
                let user = ["--reuid=\(account.userID)", "--regid=\(account.groupID)", "--clear-groups"]
                words = [setpriv] + user + ["--"] + words
            } else {
                options.userID = account.userID
                options.groupID = account.groupID
                options.supplementaryGroups = [account.groupID]
            }
        }
        let configuration = Configuration(
            executable: .path(FilePath(words[0])),
            arguments: Arguments(Array(words.dropFirst())),
            environment: .inherit.updating([
                "LC_ALL": "C", "PGDATA": nil, "PGHOST": nil, "PGPORT": nil, "PGUSER": nil, "PGDATABASE": nil,
                "PGOPTIONS": nil, "PGSERVICE": nil,
            ]),
            workingDirectory: "/",
            platformOptions: options
        )
        let limit = Self.outputLimitBytes
        guard let standardInput else {
            let result = try await Subprocess.run(
                configuration,
                output: .string(limit: limit),
                error: .combinedWithOutput
            )
            return Result(succeeded: result.terminationStatus.isSuccess, output: result.standardOutput)
        }
        let input = FileDescriptor(rawValue: standardInput)
        let result = try await Subprocess.run(
            configuration,
            input: .fileDescriptor(input, closeAfterSpawningProcess: true),
            output: .string(limit: limit),
            error: .combinedWithOutput
        )
        return Result(succeeded: result.terminationStatus.isSuccess, output: result.standardOutput)
    }
}

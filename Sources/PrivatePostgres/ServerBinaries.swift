import Foundation

/// PostgreSQL's programs, all of one version.
struct ServerBinaries: Sendable {
    /// What must be there for a folder to count.
    static let required = ["initdb", "postgres", "pg_ctl", "pg_isready"]

    /// Names the folder of the programs to use, in place of those found.
    static let variable = "WAYMARK_POSTGRES_BIN"

    let directory: String

    func path(_ program: String) -> String { "\(directory)/\(program)" }

    /// Finds the programs for `data`: of the very version that made it, or when it is new, those that the environment names,
    /// then the first of `PATH`, and then the newest of the folders that distributions use.
    static func find(
        data: String?, account: ServerAccount,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) async throws -> ServerBinaries {
        let named = environment[variable].flatMap { $0.isEmpty ? nil : ServerBinaries(directory: $0) }
        if let named, !named.isComplete {
            throw PrivatePostgresError(
                .notInstalled,
                "\(variable) names \(named.directory), which lacks one of \(required.joined(separator: ", "))")
        }
        let found = candidates(path: environment["PATH"] ?? "").filter(\.isComplete)
        let present = (named.map { [$0] } ?? []) + found
        guard let first = present.first else {
            throw PrivatePostgresError(
                .notInstalled,
                "no PostgreSQL server here (looked for \(required.joined(separator: ", ")) in PATH and in the folders "
                    + "that distributions use): `apt-get install postgresql`, `dnf install postgresql-server` or "
                    + "`brew install postgresql`"
            )
        }
        guard let data, let version = try? String(contentsOfFile: data + "/PG_VERSION", encoding: .utf8) else {
            return first
        }
        let wanted = version.trimmingCharacters(in: .whitespacesAndNewlines)
        for candidate in present where try await candidate.majorVersion(account: account) == wanted {
            return candidate
        }
        throw PrivatePostgresError(
            .notInstalled,
            "the data in \(data) was made by PostgreSQL \(wanted), which is not here: `apt-get install "
                + "postgresql-\(wanted)`"
        )
    }

    /// Folders that may hold the programs, best first.
    private static func candidates(path: String) -> [ServerBinaries] {
        let patterns = [
            ("/usr/lib/postgresql", "", "/bin"), ("/usr", "pgsql-", "/bin"),
            ("/opt/homebrew/opt", "postgresql@", "/bin"), ("/usr/local/opt", "postgresql@", "/bin"),
        ]
        let versioned = patterns.flatMap { parent, prefix, suffix in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
            let versions = names.filter { $0.hasPrefix(prefix) }.compactMap { Double($0.dropFirst(prefix.count)) }
            return versions.sorted(by: >).map { version in
                let isWhole = version == version.rounded()
                return "\(parent)/\(prefix)\(isWhole ? String(Int(version)) : String(version))\(suffix)"
            }
        }
        let inPath = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        return (inPath + versioned + ["/usr/local/pgsql/bin"]).map(ServerBinaries.init(directory:))
    }

    private var isComplete: Bool {
        Self.required.allSatisfy { FileManager.default.isExecutableFile(atPath: path($0)) }
    }

    /// The major version, as `PG_VERSION` spells it, or nil when the program does not say.
    private func majorVersion(account: ServerAccount) async throws -> String? {
        let output = try await Command.run(path("postgres"), ["--version"], as: account).output
        let number = output.split(whereSeparator: \.isWhitespace).first { $0.first?.isNumber == true }
        let parts = (number ?? "").split(separator: ".")
        guard let major = parts.first else { return nil }
        return major == "9" && parts.count > 1 ? "9.\(parts[1])" : String(major.prefix { $0.isNumber })
    }
}

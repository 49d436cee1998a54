import Foundation
import PrivatePostgres
import Subprocess

#if canImport(System)
import System
#else
import SystemPackage
#endif

extension Stage {
    /// Who takes work stops first, what it talks to last.
    private var inStopOrder: [Program] { orchestrators + helpers + [sandbox].compactMap(\.self) }

    /// Asks every process to stop.
    /// - Returns: A sentence for each that did not end with exit code 0, or ended before it was asked to.
    package func stopAll() async -> [String] {
        var complaints: [String] = []
        for program in inStopOrder {
            do {
                if let complaint = try await program.stop() { complaints.append(complaint) }
            } catch {
                complaints.append("The \(program.name) could not be run: \(error).")
            }
            complaints += await program.accidents
        }
        return complaints
    }

    /// Stops whatever still runs, and removes PostgreSQL's data.
    /// - Parameter dump: whether to leave the database's content and the server's log in the scratch folder.
    package func tearDown(dump: Bool) async {
        _ = await stopAll()
        guard let cluster else { return }
        do {
            if dump { try await self.dump() }
        } catch {
            complain("The database could not be dumped: \(error)")
        }
        do {
            try await cluster.delete()
        } catch {
            complain("PostgreSQL's folder could not be removed: \(error)")
        }
    }

    /// Leaves the tables as SQL, for a look at them afterwards.
    private func dump() async throws {
        guard let cluster else { return }
        // It may have been stopped right now.
        try await cluster.start()
        try? FileManager.default.copyItem(atPath: cluster.logFile, toPath: scratch.file("postgresql.log"))
        let result = try await Subprocess.run(
            .path(FilePath("\(cluster.binaryDirectory)/pg_dump")),
            arguments: ["--dbname=\(try connectionString)", "--file=\(scratch.file("database.sql"))"],
            output: .string(limit: Self.outputLimitBytes), error: .combinedWithOutput)
        guard result.terminationStatus.isSuccess else { throw StagingError(result.standardOutput) }
    }
}

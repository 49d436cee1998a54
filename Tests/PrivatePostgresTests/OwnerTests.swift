import Foundation
import PrivatePostgres
import Testing
import WaymarkTesting

@Suite("the owner of a temporary cluster")
struct OwnerTests {
    @Test("killed, it takes its cluster along", .timeLimit(.minutes(2)))
    func killed() async throws {
        let child = try await #require(
            processExitsWith: .signal(SIGKILL),
            observing: [\.standardOutputContent]
        ) {
            let cluster = try await PrivateCluster.temporary(logger: logger)
            let pid = try #require(cluster.postmasterPID)
            try FileHandle.standardOutput.write(contentsOf: Data("CLUSTER \(pid) \(cluster.directory)\n".utf8))
            kill(getpid(), SIGKILL)
        }
        try await expectGone(String(decoding: child.standardOutputContent, as: UTF8.self))
    }

    @Test("killed with its server stopped or dead, it takes the folder along", .timeLimit(.minutes(2)))
    func killedAfterTheServer() async throws {
        let child = try await #require(
            processExitsWith: .signal(SIGKILL),
            observing: [\.standardOutputContent]
        ) {
            let cluster = try await PrivateCluster.temporary(logger: logger)
            let pid = try #require(cluster.postmasterPID)
            try FileHandle.standardOutput.write(contentsOf: Data("CLUSTER \(pid) \(cluster.directory)\n".utf8))
            kill(pid, SIGKILL)
            kill(getpid(), SIGKILL)
        }
        try await expectGone(String(decoding: child.standardOutputContent, as: UTF8.self))
    }

    /// Waits until server and folder of the cluster that `output` names are gone.
    private func expectGone(_ output: String) async throws {
        let line = try #require(output.split(separator: "\n").first { $0.hasPrefix("CLUSTER ") })
        let words = line.split(separator: " ", maxSplits: 2)
        let pid = try #require(Int32(words[1]))
        try await eventually("the folder is removed") { !FileManager.default.fileExists(atPath: String(words[2])) }
        try await eventually("the server is gone") { !isAlive(pid) }
    }

    @Test("an owner that goes on, but forgot its value, keeps its cluster")
    func forgotten() async throws {
        var cluster: PrivateCluster? = try await PrivateCluster.temporary(logger: logger)
        let binaries = try #require(cluster).binaryDirectory
        let connection = try #require(cluster).connectionString
        let directory = try #require(cluster).directory
        cluster = nil
        #expect(try await run(binaries + "/psql", ["-X", "-A", "-t", "-c", "SELECT 1", connection]) == "1")
        #expect(FileManager.default.fileExists(atPath: directory))
    }

    @Test("the watcher ends with delete()")
    func watcherEnds() async throws {
        let cluster = try await PrivateCluster.temporary(logger: logger)
        #expect(try watchers(of: cluster.directory) > 0)
        try await cluster.delete()
        try await eventually("the watcher is gone") { try watchers(of: cluster.directory) == 0 }
    }

    /// How many processes have `directory` among their arguments and are shells.
    private func watchers(of directory: String) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").count { name in
            guard Int32(name) != nil, let data = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
                return false
            }
            let words = data.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return words.contains("private-postgres-watch") && words.contains(directory)
        }
    }
}

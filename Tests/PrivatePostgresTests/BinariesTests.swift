import Foundation
import Testing

@testable import PrivatePostgres

@Suite("WAYMARK_POSTGRES_BIN")
struct BinariesTests {
    @Test("names the programs of a new cluster, before those in PATH")
    func named() async throws {
        let account = try ServerAccount.choose(data: nil)
        let usual = try await ServerBinaries.find(data: nil, account: account)
        let folder = FileManager.default.temporaryDirectory.appending(path: "binaries-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for program in ServerBinaries.required {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/\(program)", withDestinationPath: usual.path(program))
        }
        let environment = [ServerBinaries.variable: folder, "PATH": usual.directory]
        let found = try await ServerBinaries.find(data: nil, account: account, environment: environment)
        #expect(found.directory == folder)
    }

    @Test("is refused where programs are missing, and not passed over")
    func incomplete() async throws {
        let account = try ServerAccount.choose(data: nil)
        let error = try await #require(throws: PrivatePostgresError.self) {
            try await ServerBinaries.find(
                data: nil, account: account, environment: [ServerBinaries.variable: "/nowhere"])
        }
        #expect(error.message.contains("WAYMARK_POSTGRES_BIN names /nowhere"))
    }
}

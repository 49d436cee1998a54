import Foundation
import HTTPTypes
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import Patterns

@Suite struct DeleteIsGoneTests {
    private let account = UUID()
    private let mailbox = UUID()

    @Test func closesTheAccount() async throws {
        try await withAccount { world in
            #expect(try await close(world).response?.account == account)
            #expect(world.system.answers == ["DELETE 204"])
            try await expectClosed(world)
        }
    }

    @Test(arguments: Interruption.allCases) func aRepeatFindsItGone(_ interruption: Interruption) async throws {
        try await withAccount { world in
            let outcome = try await world.run(saga(world), AccountClosure(account: account), interruption, at: .delete)
            #expect(outcome.response?.account == account)
            #expect(world.system.answers == ["DELETE 204", "DELETE 410"])
            try await expectClosed(world)
        }
    }

    @Test func aMailboxThatWasNeverThereIsGone() async throws {
        try await withAccount { world in
            world.system.change { $0.mailboxes = [:] }
            let outcome = try await close(world)
            #expect(outcome.response?.account == account)
            #expect(world.system.answers == ["DELETE 404"])
        }
    }

    @Test func aMailboxThatMayNotBeDeletedIsNotGone() async throws {
        try await World.with { world in
            world.system.change { $0.mailboxes[mailbox.uuidString] = .locked }
            await #expect(throws: TransientError.self) {
                try await HTTPMailboxes(service: world.service).delete(mailbox)
            }
        }
    }

    @Test func refusesAnAccountThatIsNotThere() async throws {
        try await World.with(CloseAccount.schema) { world in
            let outcome = try await close(world)
            #expect(outcome.rejection?.status == 404)
            #expect(world.system.answers.isEmpty)
        }
    }

    private func withAccount(_ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await World.with(CloseAccount.schema) { world in
            world.system.change { $0.mailboxes[mailbox.uuidString] = .there }
            try await world.database.client.execute(
                "INSERT INTO patterns.accounts (id, mailbox) VALUES (\(account), \(mailbox))")
            try await body(world)
        }
    }

    private func saga(_ world: World) -> CloseAccount {
        CloseAccount(mailboxes: HTTPMailboxes(service: world.service))
    }

    private func close(_ world: World) async throws -> Outcome<ClosedAccount> {
        try await world.run(saga(world), AccountClosure(account: account))
    }

    private func expectClosed(_ world: World) async throws {
        #expect(world.system.contents.mailboxes == [mailbox.uuidString: .gone])
        #expect(try await world.value("SELECT state FROM patterns.accounts", as: String.self) == "closed")
    }
}

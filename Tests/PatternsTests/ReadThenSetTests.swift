import Foundation
import HTTPTypes
import Testing
import Waymark

@testable import Patterns

@Suite struct ReadThenSetTests {
    private let account = UUID()

    @Test func raisesTheQuota() async throws {
        try await World.with { world in
            world.system.change { $0.quotas[account.uuidString] = 10 }
            let outcome = try await world.run(
                RaiseQuota(quotas: HTTPQuotas(service: world.service)), QuotaRaise(account: account, gigabytes: 5))
            #expect(outcome.response?.gigabytes == 15)
            #expect(world.system.contents.quotas == [account.uuidString: 15])
        }
    }

    @Test(arguments: Interruption.allCases) func aRepeatSetsTheSameValue(_ interruption: Interruption) async throws {
        try await World.with { world in
            world.system.change { $0.quotas[account.uuidString] = 10 }
            let outcome = try await world.run(
                RaiseQuota(quotas: HTTPQuotas(service: world.service)), QuotaRaise(account: account, gigabytes: 5),
                interruption, at: .put)
            #expect(outcome.response?.gigabytes == 15)
            #expect(world.system.contents.quotas == [account.uuidString: 15])
            #expect(world.system.answers == ["GET 200", "PUT 200", "PUT 200"], "read once, set twice")
        }
    }

    @Test func readsAgainUntilAReadingIsRecorded() async throws {
        try await World.with { world in
            world.system.change { $0.quotas[account.uuidString] = 10 }
            let outcome = try await world.run(
                RaiseQuota(quotas: HTTPQuotas(service: world.service)), QuotaRaise(account: account, gigabytes: 5),
                .lostAnswer, at: .get)
            #expect(outcome.response?.gigabytes == 15)
            #expect(world.system.answers == ["GET 200", "GET 200", "PUT 200"])
        }
    }

    @Test func refusesAnAccountThatIsNotThere() async throws {
        try await World.with { world in
            let outcome = try await world.run(
                RaiseQuota(quotas: HTTPQuotas(service: world.service)), QuotaRaise(account: account, gigabytes: 5))
            #expect(outcome.rejection?.status == 404)
            #expect(world.system.contents.quotas.isEmpty)
        }
    }
}

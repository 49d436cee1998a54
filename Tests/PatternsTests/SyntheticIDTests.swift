import Foundation
import HTTPTypes
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import Patterns

@Suite struct SyntheticIDTests {
    @Test func createsTheMachine() async throws {
        try await World.with(CreateMachine.schema) { world in
            let machine = try #require(try await world.run(saga(world), MachineOrder(size: "small")).response)
            #expect(world.system.contents.machines == [machine.id.uuidString: "small"])
            #expect(try await rows(world) == [machine.id])
        }
    }

    @Test(arguments: Interruption.allCases) func aRepeatMakesNoSecondMachine(_ interruption: Interruption) async throws
    {
        try await World.with(CreateMachine.schema) { world in
            let outcome = try await world.run(saga(world), MachineOrder(size: "small"), interruption, at: .put)
            let machine = try #require(outcome.response)
            #expect(world.system.contents.machines == [machine.id.uuidString: "small"])
            #expect(world.system.answers == ["PUT 201", "PUT 412"])
            #expect(try await rows(world) == [machine.id])
        }
    }

    /// The phase is run again under another id, or not at all; the call gets the one that is on record.
    @Test(arguments: [true, false]) func aLostCommitNamesOneMachine(isCommitted: Bool) async throws {
        try await World.with(CreateMachine.schema) { world in
            let outcome = try await world.run(saga(world), MachineOrder(size: "small"), isCommitted: isCommitted)
            let machine = try #require(outcome.response)
            #expect(world.system.contents.machines == [machine.id.uuidString: "small"])
            #expect(try await rows(world) == [machine.id])
        }
    }

    @Test func aRepeatLeavesTheMachineAsItIs() async throws {
        try await World.with { world in
            let machines = HTTPMachines(service: world.service)
            let id = UUID()
            try await machines.create(Machine(id: id, size: "small"))
            world.system.change { $0.machines[id.uuidString] = "large" }
            try await machines.create(Machine(id: id, size: "small"))
            #expect(world.system.contents.machines == [id.uuidString: "large"])
        }
    }

    @Test func aRefusedMachineIsForgotten() async throws {
        try await World.with(CreateMachine.schema) { world in
            let outcome = try await world.run(saga(world), MachineOrder(size: "immense"))
            #expect(outcome.rejection?.status == 422)
            #expect(world.system.contents.machines.isEmpty)
            #expect(try await rows(world).isEmpty)
        }
    }

    private func saga(_ world: World) -> CreateMachine {
        CreateMachine(provider: HTTPMachines(service: world.service))
    }

    private func rows(_ world: World) async throws -> [UUID] {
        try await world.database.client.query("SELECT id FROM patterns.machines").decode(UUID.self)
    }
}

import Foundation
import PostgresPQ
import Waymark

/// Synthetic id: we name the thing before it exists, so that its creation can be repeated.
///
/// **Problem.** The provider knows no idempotency keys. When the answer to a creation is lost, a repeat makes a second
/// machine, and nobody knows the id of the first.
///
/// **Pattern.** A phase draws the id and commits it in our own row. Only then the call creates the machine under this id,
/// and only where there is none (`If-None-Match: *`). "There is one" can only be ours, and is a success.
///
/// **Use it when** the caller may choose the id (`PUT /machines/{id}`), or at least a unique name or tag. Where we need no
/// row of our own, `call.idempotencyKey` is such an id without a phase (see `AddPoints`); with a row, a parked request
/// shows which machine to look for.
///
/// **It fails when** the provider alone draws ids: then look for a unique field to search by before each creation. It
/// fails when the id is drawn inside the call: each repeat draws another. A plain PUT without the condition would set
/// back what was changed since, and a machine that was deleted meanwhile is created anew by a late repeat.
struct CreateMachine: Saga {
    static let name = "create-machine"
    let provider: any MachineProvider

    static let schema = """
        CREATE SCHEMA IF NOT EXISTS patterns;
        CREATE TABLE IF NOT EXISTS patterns.machines (
            -- Ours, and the provider's.
            id   uuid PRIMARY KEY,
            size text NOT NULL
        );
        """

    var body: some Step<MachineOrder, Machine> {
        AtomicPhase("machine_named", nameIt)
            .compensate(forget)
        ForeignCall("machine_created", .natural, create)
    }

    func nameIt(_ order: MachineOrder, _ tx: Transaction) async throws -> Machine {
        let machine = Machine(id: UUID(), size: order.size)
        try await tx.execute("INSERT INTO patterns.machines (id, size) VALUES (\(machine.id), \(machine.size))")
        return machine
    }

    func forget(_ machine: Machine, _ tx: Transaction) async throws {
        try await tx.execute("DELETE FROM patterns.machines WHERE id = \(machine.id)")
    }

    func create(_ machine: Machine, _ call: Call) async throws -> Machine {
        try await provider.create(machine)
        return machine
    }
}

/// Rents out machines.
protocol MachineProvider: Sendable {
    /// Sees to it that there is a machine of this id; one that is there already is a success, and left as it is.
    /// - Throws: `Rejection` 422 for a size that the provider does not have.
    func create(_ machine: Machine) async throws
}

/// The request.
struct MachineOrder: Codable, Sendable {
    /// As the provider calls it, such as `small`.
    let size: String
}

/// A machine that has a name, whether or not it exists yet; also the response.
struct Machine: Codable, Sendable {
    let id: UUID
    let size: String
}

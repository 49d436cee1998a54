import Foundation
import Testing

@testable import Waymark

/// Ids that are stored and sent abroad: once released, they may never change. The expected values were computed with
/// another SHA-256.
@Suite struct KeyIdentityTests {
    private static let incarnation = "0F0E0D0C-0B0A-4908-8706-050403020100"

    private func context(
        scope: String = "tenant-1",
        key: String = "order-42",
        incarnation: String = incarnation
    ) throws -> KeyContext {
        let (scope, key) = (try Scope(scope), try IdempotencyKey(key))
        return KeyContext(
            id: KeyIdentity.rowID(scope: scope, key: key),
            scope: scope,
            key: key,
            saga: "book-ride",
            incarnation: try #require(UUID(uuidString: incarnation))
        )
    }

    @Test func theRowsID() throws {
        #expect(try context().id.uuidString == "5C9B883D-B78D-8180-8223-D15533B156FF")
        #expect(
            try context(scope: "b\u{FC}cher \u{20AC}", key: "~ !").id.uuidString
                == "E7C9C61B-A965-89B5-9EFA-C1BA8CB7EB8B"
        )
    }

    @Test func theKeysSentAbroad() throws {
        let context = try context()
        #expect(
            KeyIdentity.foreignKey(context, recoveryPoint: "charge_created") == "59975e45-b9e1-82f7-9d73-1e6378ca9e7a"
        )
        #expect(
            KeyIdentity.foreignKey(context, recoveryPoint: "charge_created:undone")
                == "e2221586-22a6-85e7-bb1f-593a3e6d0eb2"
        )
    }

    @Test(arguments: [
        (0, "E4728237-A372-86EF-92D3-C200EAE994A3"), (1, "DAC13081-595D-8A2A-8FF0-6C9EE6694E75"),
    ])
    func theJobsIDs(position: Int, expected: String) throws {
        let id = KeyIdentity.jobID(try context(), recoveryPoint: "receipt_staged", position: position)
        #expect(id.uuidString == expected)
    }

    /// RFC 9562: version 8, variant 10.
    @Test func theyAreUUIDsOfVersion8() throws {
        for index in 0..<1_000 {
            let context = try context(key: "key-\(index)")
            let ids =
                [context.id, KeyIdentity.jobID(context, recoveryPoint: "a", position: index)]
                + [UUID(uuidString: KeyIdentity.foreignKey(context, recoveryPoint: "a"))].compactMap(\.self)
            #expect(ids.count == 3)
            for id in ids {
                #expect(id.uuid.6 >> 4 == 8)
                #expect(id.uuid.8 >> 6 == 0b10)
            }
        }
    }

    @Test func incarnationsAreRandomUUIDs() {
        let drawn = (0..<1_000).map { _ in KeyIdentity.incarnation() }
        #expect(Set(drawn).count == drawn.count)
        #expect(drawn.allSatisfy { $0.uuid.6 >> 4 == 4 && $0.uuid.8 >> 6 == 0b10 })
        // Every other bit is drawn.
        let bits = drawn.map { unsafeBitCast($0.uuid, to: SIMD16<UInt8>.self) }
        #expect(
            bits.reduce(.zero, |) == [255, 255, 255, 255, 255, 255, 79, 255, 191, 255, 255, 255, 255, 255, 255, 255])
        #expect(bits.reduce(~.zero, &) == [0, 0, 0, 0, 0, 0, 64, 0, 128, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func everythingThatNamesSomethingElseGivesAnotherID() throws {
        let other = UUID().uuidString
        let contexts = [
            try context(), try context(scope: "tenant-2"), try context(key: "order-43"),
            try context(scope: "tenant-1order", key: "-42"), try context(incarnation: other),
        ]
        #expect(Set(contexts.map(\.id)).count == 4)
        #expect(contexts[0].id == contexts[4].id)
        var ids: Set<String> = []
        for context in contexts {
            for point in ["a", "b", "a:undone", "finished"] {
                ids.insert(KeyIdentity.foreignKey(context, recoveryPoint: point))
                for position in [0, 1, 10] {
                    ids.insert(
                        KeyIdentity.jobID(context, recoveryPoint: point, position: position).uuidString.lowercased()
                    )
                }
            }
        }
        #expect(ids.count == contexts.count * 4 * 4)
    }
}

import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import Patterns

@Suite struct GuardedUpdateTests {
    private let cart = UUID()

    @Test func ordersTheCart() async throws {
        try await World.with(OrderCart.schema) { world in
            try await addCart(to: world)
            #expect(try await world.run(OrderCart(), CartOrder(cart: cart)).response?.cart == cart)
            try await expectOneOrder(in: world)
        }
    }

    @Test(arguments: [true, false]) func aLostCommitOrdersOnce(isCommitted: Bool) async throws {
        try await World.with(OrderCart.schema) { world in
            try await addCart(to: world)
            let outcome = try await world.run(OrderCart(), CartOrder(cart: cart), isCommitted: isCommitted)
            #expect(outcome.response?.cart == cart)
            try await expectOneOrder(in: world)
        }
    }

    /// The phase really commits twice here: nothing but its guard keeps the second one from ordering again.
    @Test func aReapedKeyThatComesAgainFindsItsOrder() async throws {
        try await World.with(OrderCart.schema) { world in
            try await addCart(to: world)
            _ = try await world.run(OrderCart(), CartOrder(cart: cart))
            try await world.reap()
            let again = try await world.run(OrderCart(), CartOrder(cart: cart))
            #expect(again.response?.cart == cart)
            #expect(!again.isReplay)
            try await expectOneOrder(in: world)
        }
    }

    @Test func ofTwoKeysOneOrders() async throws {
        try await World.with(OrderCart.schema) { world in
            try await addCart(to: world)
            async let first = world.run(OrderCart(), CartOrder(cart: cart), key: "k1")
            async let second = world.run(OrderCart(), CartOrder(cart: cart), key: "k2")
            let outcomes = try await [first, second]
            #expect(outcomes.count { $0.response != nil } == 1)
            #expect(outcomes.compactMap(\.rejection).map(\.status) == [409])
            try await expectOneOrder(in: world)
        }
    }

    @Test func refusesACartThatIsNotThere() async throws {
        try await World.with(OrderCart.schema) { world in
            let outcome = try await world.run(OrderCart(), CartOrder(cart: cart))
            #expect(outcome.rejection?.status == 404)
        }
    }

    private func addCart(to world: World) async throws {
        try await world.database.client.execute("INSERT INTO patterns.carts (id) VALUES (\(cart))")
    }

    private func expectOneOrder(in world: World) async throws {
        #expect(try await world.value("SELECT state FROM patterns.carts", as: String.self) == "ordered")
        #expect(try await world.value("SELECT count(*) FROM waymark.jobs", as: Int.self) == 1, "one confirmation")
    }
}

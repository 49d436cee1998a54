import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import Fulfilment

/// Every way through the shipping of an order, with the real engine and the sandbox's services.
@Suite struct ShipOrderTests {
    @Test func shipsEveryParcelWithOneLabelAndOnePickup() async throws {
        try await World.with { world in
            let before = try #require(try await world.stock("book"))
            let shipment = try #require(try await world.ship(["book", "lamp", "book"]).response)
            #expect(shipment.parcels.count == 3)
            #expect(shipment.tracking == .mailed)
            let bookings = try await world.bookings()
            #expect(bookings.map(\.object).sorted() == ["label", "parcel", "parcel", "parcel", "pickup"])
            #expect(!bookings.contains { $0.cancelled })
            let parcels = bookings.filter { $0.object == "parcel" }.sorted { $0.reference < $1.reference }
            #expect(parcels.map(\.description) == ["book, 1 pieces", "lamp, 1 pieces", "book, 1 pieces"])
            #expect(try await world.ledger().contains(#""messages":1"#))
            #expect(try await world.texts("SELECT state FROM fulfilment.orders") == ["shipped"])
            #expect(try await world.texts("SELECT id FROM fulfilment.pickups") == [shipment.pickup])
            #expect(try await world.stock("book") == before - 2)
        }
    }

    @Test func aKeyThatWasRemovedAndComesAgainIsAnotherOrder() async throws {
        try await World.with { world in
            let first = try #require(try await world.ship(["book"]).response)
            try await world.database.client.execute("DELETE FROM waymark.keys")
            let second = try #require(try await world.ship(["book"]).response)
            #expect(second.order != first.order)
            #expect(try await world.texts("SELECT state FROM fulfilment.orders") == ["shipped", "shipped"])
        }
    }

    /// One parcel in the middle is refused: what was sent is recalled, and what was prepared side by side is undone.
    @Test func aRefusedParcelUndoesExactlyWhatWasDone() async throws {
        try await World.with { world in
            let before = try await world.stock("book")
            let items = ["book", "book", "forbidden fireworks", "book"]
            let rejection = try #require(try await world.ship(items).rejection)
            #expect(rejection.status == 422)
            #expect(rejection.body.contains("not_carried"))
            let bookings = try await world.bookings()
            #expect(bookings.count { $0.object == "label" } == 1)
            #expect(bookings.count { $0.object == "pickup" } == 1)
            #expect(bookings.count { $0.object == "parcel" } >= 1, "it is refused in the middle")
            #expect(bookings.allSatisfy { $0.cancelled }, "\(bookings)")
            try await expectNothingIsLeft(world)
            #expect(try await world.stock("book") == before)
        }
    }

    /// The label is refused while the pickup beside it is being booked.
    @Test func aRefusedLabelUndoesThePickupBesideIt() async throws {
        try await World.with(["--delay-ms", "100"]) { world in
            let before = try await world.stock("book")
            let rejection = try #require(try await world.ship(["book"], address: "forbidden island").rejection)
            #expect(rejection.status == 422)
            let bookings = try await world.bookings()
            #expect(bookings.map(\.object) == ["pickup"])
            #expect(bookings.allSatisfy { $0.cancelled })
            try await expectNothingIsLeft(world)
            #expect(try await world.stock("book") == before)
        }
    }

    @Test func whatIsNotInStockForAWhileIsRefused() async throws {
        try await World.with { world in
            let before = try await world.stock("book")
            let rejection = try #require(try await world.ship(["antique", "book", "antique"]).rejection)
            #expect(rejection.status == 409)
            #expect(rejection.body.contains("out_of_stock"))
            #expect(try await world.bookings().isEmpty)
            #expect(try await world.stock("antique") == 1)
            #expect(try await world.stock("book") == before)
            #expect(try await world.ship(["antique"], key: "k2").response != nil)
            #expect(try await world.stock("antique") == 0)
        }
    }

    @Test func withoutATrackingMailItIsShippedAllTheSame() async throws {
        try await World.with { world in
            // There is no mail service there.
            let shipment = try #require(
                try await world.ship(["book"], ["MAIL_API_BASE": "\(world.base)/nobody"]).response)
            #expect(shipment.tracking == .unavailable)
            #expect(try await world.texts("SELECT state FROM fulfilment.orders") == ["shipped"])
            let marks = try await world.texts(
                "SELECT e ->> 'step' FROM waymark.keys, jsonb_array_elements(journal) AS e WHERE e ->> 'mark' = 'degraded'"
            )
            #expect(marks == ["tracking_mailed"])
        }
    }

    @Test func aCarrierThatLosesItsAnswersBooksEverythingOnce() async throws {
        try await World.with(["--error-after-rate", "0.4", "--drop-rate", "0.3", "--seed", "7"]) { world in
            let items = ["book", "lamp", "book", "lamp", "book"]
            _ = try await world.ship(items)
            try await world.finish()
            #expect(try await world.ship(items).response?.parcels.count == 5)
            let ledger = try await world.ledger()
            for count in [
                #""labels":1"#, #""pickups":1"#, #""parcels":5"#, #""duplicate_bookings":0"#, #""cancellations":0"#,
            ] {
                #expect(ledger.contains(count), "\(ledger)")
            }
        }
    }

    private func expectNothingIsLeft(_ world: World) async throws {
        #expect(try await world.texts("SELECT state FROM fulfilment.orders") == ["cancelled"])
        #expect(try await world.texts("SELECT id FROM fulfilment.pickups") == [])
        #expect(try await world.ledger().contains(#""messages":0"#))
    }
}

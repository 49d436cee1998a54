import Testing

@testable import WaymarkEngine

/// Who does what waits, and beside whom.
@Suite struct BatchQueueTests {
    /// With one place, two at most, two items in a batch. By reference, so that expectations can change it.
    private final class Queue {
        private var queue: BatchQueue<Int>

        init(bytes: @escaping @Sendable (Int) -> Int = { _ in 0 }) {
            queue = BatchQueue(places: 1, mostPlaces: 2, itemLimit: 2, bytes: bytes)
        }

        var running: Int { queue.running }
        func add(_ item: Int) -> BatchQueue<Int>.Action { queue.add(item) }
        func next(after last: BatchQueue<Int>.Batch? = nil) -> BatchQueue<Int>.Batch? { queue.next(after: last) }
        func mark() -> Int? { queue.mark() }
        func takeFurtherPlace(since mark: Int) -> Bool { queue.takeFurtherPlace(since: mark) }
    }

    @Test func whatFindsAPlaceIsBegunAndTheOthersShareTheNextBatch() throws {
        let queue = Queue()
        #expect(queue.add(1) == .begin)
        let first = try #require(queue.next())
        #expect(first.items == [1])
        #expect(queue.add(2) == .watch)
        #expect(queue.add(3) == .none)
        #expect(queue.add(4) == .none)
        let second = try #require(queue.next(after: first))
        #expect(second.items == [2, 3])
        let third = try #require(queue.next(after: second))
        #expect(third.items == [4])
        #expect(queue.next(after: third) == nil)
        #expect(queue.running == 0)
        #expect(queue.add(5) == .begin, "the place was given back")
    }

    @Test func aBatchEndsAtItsBytesAndNoItemIsTooLarge() throws {
        let queue = Queue { $0 }
        _ = queue.add(EngineLimits.batchBytes * 2)
        _ = queue.add(1)
        let first = try #require(queue.next())
        #expect(first.items == [EngineLimits.batchBytes * 2])
        #expect(queue.next(after: first)?.items == [1])
    }

    @Test func anotherBeginsBesideWhatDoesNotEnd() throws {
        let queue = Queue()
        _ = queue.add(1)
        let stuck = try #require(queue.next())
        #expect(queue.add(2) == .watch)
        #expect(queue.takeFurtherPlace(since: try #require(queue.mark())))
        let beside = try #require(queue.next())
        #expect(beside.items == [2])
        _ = queue.add(3)
        #expect(queue.next(after: beside)?.items == [3], "it goes on as long as the other is stuck")
        _ = queue.add(4)
        #expect(!queue.takeFurtherPlace(since: try #require(queue.mark())), "two are the most")
        #expect(queue.next(after: stuck) == nil, "one is enough where they move")
        #expect(queue.running == 1)
    }

    @Test func nothingBeginsBesideWhatEnds() throws {
        let queue = Queue()
        _ = queue.add(1)
        let first = try #require(queue.next())
        _ = queue.add(2)
        let mark = try #require(queue.mark())
        let second = try #require(queue.next(after: first))
        _ = queue.add(3)
        #expect(!queue.takeFurtherPlace(since: mark), "one began since")
        _ = queue.next(after: second)
        #expect(queue.mark() == nil, "nobody waits")
        #expect(queue.add(4) == .watch, "the watch was over")
    }
}

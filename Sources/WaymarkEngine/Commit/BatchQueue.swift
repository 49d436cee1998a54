import DequeModule

/// What waits to be done in batches, and how many are under way.
struct BatchQueue<Item: Sendable>: Sendable {
    struct Batch: Sendable {
        let items: [Item]
        /// The number of the batch.
        let number: Int
    }

    /// Batches under way at the same time, as long as they end in good time.
    let places: Int
    /// The same where they do not; no more than `places` where it is less.
    let mostPlaces: Int
    /// Items in one batch at most.
    let itemLimit: Int
    /// What an item takes of `EngineLimits.batchBytes`.
    let bytes: @Sendable (Item) -> Int

    private(set) var running = 0
    private var waiting: Deque<Item> = []
    private var begun = 0
    private var isWatched = false

    init(places: Int, mostPlaces: Int, itemLimit: Int, bytes: @escaping @Sendable (Item) -> Int) {
        self.places = places
        self.mostPlaces = mostPlaces
        self.itemLimit = itemLimit
        self.bytes = bytes
    }

    /// What whoever adds an item is to see to.
    enum Action {
        /// The item is taken up by whoever ends first.
        case none
        /// A place was free, and is taken: batches are to be done there until there is none.
        case begin
        /// Somebody has to look whether those under way end.
        case watch
    }

    mutating func add(_ item: Item) -> Action {
        waiting.append(item)
        if running < places {
            running += 1
            return .begin
        }
        // Where there are no further places, nobody has to look for one.
        if isWatched || mostPlaces <= places { return .none }
        isWatched = true
        return .watch
    }

    /// What to do next at a place that was taken; nil gives it back.
    /// - Parameter last: what was done there before.
    mutating func next(after last: Batch?) -> Batch? {
        // A place too many is of use until the others move again.
        let isTooMany = running > places && last.map { $0.number < begun } ?? false
        if waiting.isEmpty || isTooMany {
            running -= 1
            return nil
        }
        var sum = 0
        let items = Array(
            waiting.prefix(itemLimit).prefix { item in
                // The first fits, however large it is.
                defer { sum += bytes(item) }
                return sum < EngineLimits.batchBytes
            })
        waiting.removeFirst(items.count)
        begun += 1
        return Batch(items: items, number: begun)
    }

    /// Where the queue stands, for another look later; nil when nobody waits, and the watch is over.
    mutating func mark() -> Int? {
        if waiting.isEmpty {
            isWatched = false
            return nil
        }
        return begun
    }

    /// Takes a further place, if there is one, where no batch has begun since the mark although somebody waits.
    /// - Returns: Whether it is taken.
    mutating func takeFurtherPlace(since mark: Int) -> Bool {
        // Whoever waited at the mark still does: only a batch takes anybody.
        guard begun == mark, running < mostPlaces else { return false }
        running += 1
        return true
    }
}

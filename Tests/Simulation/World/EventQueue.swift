/// What is to happen, by its time, and in the order in which it was scheduled where that is the same. A binary heap.
struct EventQueue {
    struct Event {
        var at: Microseconds
        let order: Int
        /// Whose event it is: it does not happen once its process is dead, and later where that is frozen.
        let process: SimulatedProcess?
        let body: () -> Void

        func isBefore(_ other: Event) -> Bool { at != other.at ? at < other.at : order < other.order }
    }

    private var heap: [Event] = []

    var isEmpty: Bool { heap.isEmpty }

    mutating func insert(_ event: Event) {
        heap.append(event)
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            if !heap[index].isBefore(heap[parent]) { return }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    mutating func removeFirst() -> Event {
        heap.swapAt(0, heap.count - 1)
        let first = heap.removeLast()
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
                if heap[child].isBefore(heap[least]) { least = child }
            }
            if least == index { return first }
            heap.swapAt(index, least)
            index = least
        }
    }

    mutating func removeAll() { heap = [] }
}

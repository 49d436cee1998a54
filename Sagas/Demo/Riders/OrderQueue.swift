import Synchronization

/// The rides that are still to be asked for, shared by the clients.
final class OrderQueue: Sendable {
    private let orders: Mutex<ArraySlice<RideOrder>>

    init(_ orders: [RideOrder]) { self.orders = Mutex(orders[...]) }

    /// The next ride, for whichever client comes first.
    func next() -> RideOrder? { orders.withLock { $0.popFirst() } }
}

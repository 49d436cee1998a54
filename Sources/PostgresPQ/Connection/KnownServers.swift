import Synchronization

/// Which server took the last session, so that the next connection is not tried first where none can be had.
final class KnownServers: Sendable {
    private let lastGood = Mutex<ServerAddress?>(nil)

    func succeeded(_ address: ServerAddress) {
        lastGood.withLock { $0 = address }
    }

    /// The same places, the one that the last good address belongs to first.
    func inOrder(_ places: [ServerAddress]) -> [ServerAddress] {
        guard let good = lastGood.withLock({ $0 }) else { return places }
        let isGood = { (place: ServerAddress) in
            place.host == good.host && place.port == good.port
                && (place.hostaddr == nil || place.hostaddr == good.hostaddr)
        }
        return places.filter(isGood) + places.filter { !isGood($0) }
    }
}

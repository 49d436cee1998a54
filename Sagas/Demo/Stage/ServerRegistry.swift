import Foundation
import Synchronization

/// Where the orchestrators listen right now, as a load balancer would know it: a killed one stays until it is back.
final class ServerRegistry: Sendable {
    private let urls = Mutex<[Int: URL]>([:])

    /// Every known address, by the orchestrators' numbers.
    var all: [URL] { urls.withLock { urls in urls.sorted { $0.key < $1.key }.map(\.value) } }

    /// Notes an orchestrator's new address.
    func set(_ url: URL, for orchestrator: Int) { urls.withLock { $0[orchestrator] = url } }
}

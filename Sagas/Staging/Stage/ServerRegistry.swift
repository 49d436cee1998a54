package import Foundation
import Synchronization

/// Where the orchestrators listen right now, as a load balancer would know it: a killed one stays until it is back.
package final class ServerRegistry: Sendable {
    private let urls = Mutex<[String: URL]>([:])

    /// Every known address, by the orchestrators' names.
    package var all: [URL] { urls.withLock { urls in urls.sorted { $0.key < $1.key }.map(\.value) } }

    /// Notes an orchestrator's new address.
    func set(_ url: URL, for orchestrator: String) { urls.withLock { $0[orchestrator] = url } }
}

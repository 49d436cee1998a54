import Foundation
import NIOHTTP1

/// Counters at `/counters/{member}`, each the sum of its entries at `/counters/{member}/entries/{id}`: PUT of
/// `{"points": 5}`.
struct HTTPCounters: PartnerCounter {
    let service: HTTPService

    func add(points: Int, to member: UUID, entry: String) async throws {
        try await service.send(.PUT, "counters/\(member)/entries/\(entry)", body: Body(points: points)).check()
    }

    private struct Body: Encodable {
        let points: Int
    }
}

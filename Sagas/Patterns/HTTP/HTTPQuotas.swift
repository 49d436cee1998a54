import Foundation
import NIOHTTP1

/// Quotas at `/quotas/{account}`: GET and PUT of `{"gigabytes": 10}`.
struct HTTPQuotas: QuotaService {
    let service: HTTPService

    func gigabytes(of account: UUID) async throws -> Int? {
        let answer = try await service.send(.GET, "quotas/\(account)")
        if answer.status == 404 { return nil }
        try answer.check()
        return try JSONDecoder().decode(Body.self, from: answer.body).gigabytes
    }

    func set(gigabytes: Int, of account: UUID) async throws {
        try await service.send(.PUT, "quotas/\(account)", body: Body(gigabytes: gigabytes)).check()
    }

    private struct Body: Codable {
        let gigabytes: Int
    }
}

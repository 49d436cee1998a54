import Foundation
import NIOHTTP1
import Waymark

/// Machines at `/machines/{id}`: PUT of `{"size": "small"}`.
struct HTTPMachines: MachineProvider {
    let service: HTTPService

    func create(_ machine: Machine) async throws {
        let answer = try await service.send(
            .PUT, "machines/\(machine.id)", headers: ["If-None-Match": "*"], body: Body(size: machine.size))
        switch answer.status {
        case 412: return
        case 422: throw Rejection(status: 422, type: "no_such_size", title: "The provider has no such machine.")
        default: try answer.check()
        }
    }

    private struct Body: Encodable {
        let size: String
    }
}

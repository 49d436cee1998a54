// Does not type-check: the field that the key follows from has another name now.
import Waymark

struct Order: Codable, Sendable {
    var number: String
    var line: Int?
}

func key(of order: Order) throws -> IdempotencyKey {
    try IdempotencyKey(deriving: order, \.orderID, \.line)
}

import Waymark

struct Order: Codable, Sendable {
    var orderID: String
    var line: Int?
}

func key(of order: Order) throws -> IdempotencyKey {
    try IdempotencyKey(deriving: order, \.orderID, \.line)
}

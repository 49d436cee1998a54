// Type-checks: values of these types can stand in a statement.
import Foundation
import PostgresPQ
import Waymark

enum Channel: String { case mail, letter }
enum State: String, PostgresCodable, PostgresArrayElement { case open, closed }

func select(_ scope: Scope, _ key: IdempotencyKey, _ channel: Channel, _ wanted: Channel?, _ states: [State])
    -> PostgresQuery
{
    "SELECT \(scope), \(key), \(channel), \(wanted), \([channel]), \(states), \(states[0]), \(UInt64(1)), \("ab".prefix(1)), \(1), \("a")"
}

func insert(_ scope: Scope, _ key: IdempotencyKey, _ state: State) -> RowStatement {
    "INSERT INTO seen SELECT * FROM \(row: scope, key, state)"
}

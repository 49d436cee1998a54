// Does not type-check: a statement can only carry what PostgreSQL has a form for.
import PostgresPQ
import Waymark

struct Ride { var id: Int }

func insert(_ ride: Ride) -> PostgresQuery {
    "INSERT INTO rides SELECT \(ride)"
}

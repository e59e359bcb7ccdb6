package stripe

// SetMaxListed makes the bound of ListEvents small enough to reach in a test.
func (c *Client) SetMaxListed(n int) { c.maxListed = n }

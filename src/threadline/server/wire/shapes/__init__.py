"""The JSON objects of Hindsight's API, named as in its OpenAPI document."""
